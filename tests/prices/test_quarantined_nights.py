"""Nights on which the source sends bars that can't be used are not nights without data."""

from datetime import timedelta

import pytest
from nights import issues, list_simulated, night

from stockrnn.errors import StalePricesError
from stockrnn.steps.run import Run
from stockrnn.steps.status import read_status
from stockrnn.store.engine import reading, writing
from stockrnn.store.instruments import read_instrument, write_no_data
from stockrnn.store.quarantined import read_quarantined


@pytest.fixture
def spoilt(started, sessions):
    """Five nights on which META's bar has a high below its low; AAPL's is right."""
    list_simulated(started.yahoo, "AAPL")
    for session in sessions[30:35]:
        started.yahoo.disturb("META", session.date(), until=night(sessions[35]) - timedelta(hours=1), high=0.01)
    for session in sessions[30:35]:
        started.update(night(session), "META", "AAPL")
    return started


def read(batch, ticker="META"):
    with reading(batch.engine) as connection:
        return read_instrument(connection, ticker)


def status(batch, session, **settings):
    values = batch.settings.model_copy(update=settings)
    return read_status(values, batch.engine, now=night(session))


def test_five_nights_of_quarantined_bars_leave_a_ticker_active_and_status_names_it(spoilt, sessions):
    assert issues(spoilt.engine) == [(day.date(), "high_low_contradiction", False) for day in sessions[30:35]]
    assert (read(spoilt).active, read(spoilt).no_data_nights) == (True, 0)
    seen = status(spoilt, sessions[34])
    (line,) = seen.unusable
    said = (
        f"META: the bar of {sessions[34].date()} was quarantined, as 4 before it (high_low_contradiction: high 0.01"
    )
    assert line.startswith(said)
    assert "'stockrnn prices check --ticker META'" in line
    assert line in seen.problems
    assert {one.ticker for one in seen.tickers} == {"META", "AAPL"}
    spoilt.update(night(sessions[35]), "META", "AAPL")
    assert status(spoilt, sessions[35]).unusable == ()
    spoilt.assert_equals_a_full_download("META")


def test_the_night_says_which_bar_was_quarantined_and_why(spoilt, sessions):
    now = night(sessions[34])
    job = Run(settings=spoilt.settings, engine=spoilt.engine, as_of=now, now=now).job("META")
    said = f"5 later ones have settled .*: the bar of {sessions[34].date()} was quarantined, as 4 before it"
    with pytest.raises(StalePricesError, match=said + r" \(high_low_contradiction: high 0.01 is .*\); no forecast"):
        job.require_fresh()


@pytest.mark.exhaustive
def test_a_quarantined_bar_ends_a_row_of_nights_without_data(started, sessions):
    list_simulated(started.yahoo, "AAPL")
    counts = []
    for position in range(30, 36):
        if position == 32:
            started.yahoo.disturb("META", sessions[32].date(), until=night(sessions[33]), close=None)
        else:
            started.yahoo.hide("META", sessions[position].date(), until=night(sessions[60]))
        started.update(night(sessions[position]), "META", "AAPL")
        counts.append(read(started).no_data_nights)
    assert counts == [1, 2, 0, 1, 2, 3]


@pytest.mark.exhaustive
def test_a_source_that_shows_a_bad_bar_no_longer_has_no_data(started, sessions):
    list_simulated(started.yahoo, "AAPL")
    started.yahoo.disturb("META", sessions[30].date(), until=night(sessions[31]) - timedelta(hours=1), low=-1.0)
    started.update(night(sessions[30]), "META", "AAPL")
    for session in sessions[30:36]:
        started.yahoo.hide("META", session.date(), until=night(sessions[60]))
    for session in sessions[31:36]:
        started.update(night(session), "META", "AAPL")
    assert not read(started).active


def test_bad_rows_of_everyone_make_nobody_inactive(started, sessions):
    """A source that sends only rubbish is no proof that it knows one ticker less than another."""
    list_simulated(started.yahoo, "AAPL")
    started.update(night(sessions[29]), "AAPL")
    for session in sessions[30:36]:
        started.yahoo.hide("META", session.date(), until=night(sessions[60]))
        started.yahoo.disturb("AAPL", session.date(), until=night(sessions[60]), open=0.0)
        started.update(night(session), "META", "AAPL")
    assert (read(started).no_data_nights, read(started, "AAPL").no_data_nights) == (0, 0)


def test_a_row_of_a_day_without_a_session_is_no_problem_while_no_bar_is_missing(started, sessions):
    saturday = sessions[33].date() + timedelta(days=4)
    assert saturday.strftime("%A") == "Saturday"
    started.update(night(sessions[36]), "META")
    assert sessions[36].date() == saturday - timedelta(days=1)
    started.yahoo.stray("META", saturday, until=night(sessions[60]), close=1.0)
    started.update(night(sessions[36]) + timedelta(days=1, hours=1), "META", full=True)
    assert status(started, sessions[36]).unusable == ()


@pytest.mark.parametrize("named", [True, False])
def test_status_lists_inactive_tickers_with_the_reason_as_a_warning(started, sessions, named):
    """Also those that the settings name; nights leave them out, so nothing else would ever say so."""
    list_simulated(started.yahoo, "AAPL")
    started.yahoo.delist("META", at=night(sessions[30]) - timedelta(hours=1))
    for session in sessions[30:35]:
        started.update(night(session), "META", "AAPL")
    seen = status(started, sessions[50], tickers=("META", "AAPL") if named else ())
    (warning,) = [line for line in seen.warnings if "META" in line]
    day = night(sessions[34]).date()
    assert warning.startswith(
        f"META: inactive since {day}: its source had no data on 5 nights in a row while other tickers had some; "
        "nights leave it out."
    )
    assert "'stockrnn prices update --ticker META'" in warning
    assert not [line for line in seen.problems if "META" in line]


def test_a_ticker_that_someone_made_inactive_is_listed_too(started, sessions):
    with writing(started.engine) as connection:
        write_no_data(connection, "META", nights=0, at=None, active=False)
    assert status(started, sessions[30]).warnings[0].startswith("META: inactive; nights leave it out.")


def test_rows_of_an_inactive_or_another_ticker_are_not_read(spoilt):
    with reading(spoilt.engine) as connection:
        assert {row.ticker for row in read_quarantined(connection)} == {"META"}
        assert read_quarantined(connection, "AAPL") == []
    with writing(spoilt.engine) as connection:
        write_no_data(connection, "META", nights=5, at=None, active=False)
        assert read_quarantined(connection) == []
        assert len(read_quarantined(connection, "META")) == 5
