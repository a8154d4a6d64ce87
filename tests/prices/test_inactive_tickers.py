"""Tickers that are delisted, renamed or silent for some nights."""

from datetime import timedelta

from nights import closes, issues, list_simulated, night, on_both_databases

from stockrnn.errors import NoPriceDataError
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_instrument, read_tickers


def test_a_delisted_ticker_becomes_inactive_after_several_nights_and_keeps_its_prices(started, sessions):
    list_simulated(started.yahoo, "AAPL")
    started.update(night(sessions[29]), "AAPL")
    started.yahoo.delist("META", at=night(sessions[30]) - timedelta(hours=1))
    for count, session in enumerate(sessions[30:35], start=1):
        for again in range(2):  # a night that is run twice counts once
            done = started.update(night(session) + timedelta(hours=again), "META", "AAPL")
            assert isinstance(done["META"], NoPriceDataError)
        with reading(started.engine) as connection:
            stored = read_instrument(connection, "META")
            assert (stored.no_data_nights, stored.active) == (count, count < 5)
    with reading(started.engine) as connection:
        assert read_tickers(connection, simulated=False) == ["AAPL"]
    assert len(closes(started.engine)) == 30


@on_both_databases
def test_a_night_with_data_starts_the_count_anew_and_an_inactive_ticker_can_come_back(started, sessions):
    list_simulated(started.yahoo, "AAPL")
    started.yahoo.fail("404", tickers=["META"])
    for session in sessions[30:35]:
        started.update(night(session), "META", "AAPL")
    started.yahoo.heal()
    assert started.update(night(sessions[35]), "META", "AAPL")["META"].inserted == 6
    with reading(started.engine) as connection:
        stored = read_instrument(connection, "META")
    assert (stored.no_data_nights, stored.active) == (0, True)
    started.assert_equals_a_full_download("META")


def test_a_delisted_ticker_that_still_answers_with_its_past_becomes_inactive_too(started, sessions):
    list_simulated(started.yahoo, "AAPL")
    for session in sessions[30:40]:
        started.yahoo.hide("META", session.date(), until=night(sessions[60]))
    for session in sessions[30:35]:
        started.update(night(session), "META", "AAPL")
    with reading(started.engine) as connection:
        stored = read_instrument(connection, "META")
        assert (stored.no_data_nights, stored.active) == (5, False)
        assert read_instrument(connection, "AAPL").active
    assert len(issues(started.engine)) == 5


def test_two_nights_without_a_bar_are_forgotten_when_it_comes(started, sessions):
    list_simulated(started.yahoo, "AAPL")
    started.yahoo.hide("META", sessions[30].date(), until=night(sessions[32]) - timedelta(hours=1))
    started.yahoo.hide("META", sessions[31].date(), until=night(sessions[32]) - timedelta(hours=1))
    counts = []
    for session in sessions[30:33]:
        started.update(night(session), "META", "AAPL")
        with reading(started.engine) as connection:
            counts.append(read_instrument(connection, "META").no_data_nights)
    assert counts == [1, 2, 0]


def test_a_ticker_alone_never_becomes_inactive(started, sessions):
    started.yahoo.fail("empty")
    for session in sessions[30:40]:
        assert isinstance(started.update(night(session), "META")["META"], NoPriceDataError)
    with reading(started.engine) as connection:
        assert read_instrument(connection, "META").active


def test_a_renamed_ticker_is_another_ticker(started, sessions):
    started.yahoo.delist("META", at=night(sessions[30]) - timedelta(hours=1))
    list_simulated(started.yahoo, "FBNEW")
    done = started.update(night(sessions[30]), "META", "FBNEW")
    assert "META: Yahoo has no prices of it" in str(done["META"])
    assert "renamed" in str(done["META"])
    assert done["FBNEW"].inserted == 31
    assert len(closes(started.engine)) == 30
    started.assert_equals_a_full_download("FBNEW")
