"""Rows that are wrong, stand there twice or are corrected later."""

from datetime import date, timedelta

import pandas as pd
import pytest
from nights import (
    ONE,
    closes,
    issues,
    night,
    on_both_databases,
    revisions,
)
from sampled import sample
from sqlalchemy import select

from stockrnn.store.engine import reading
from stockrnn.store.prices import Written, read_bars
from stockrnn.store.schema import price_issues


def test_a_bar_whose_figures_are_finished_later_is_revised_as_a_late_bar(started, sessions):
    session, true = sessions[30].date(), _bar(started, sessions[30])
    started.yahoo.disturb("META", session, until=night(sessions[31]) - timedelta(hours=1), volume=true.volume * 0.75)
    started.update(night(sessions[30]), "META")
    assert started.update(night(sessions[31]), "META")["META"] == Written(inserted=1, revised=1, quarantined=0)
    (revision,) = revisions(started.engine)
    assert revision == (session, true.close, "late_bar", night(sessions[30]), night(sessions[31]))
    started.assert_equals_a_full_download("META")


def _bar(batch, session):
    before, batch.yahoo.now = batch.yahoo.now, night(session)
    bar = batch.yahoo.prices("META", settled_by=batch.yahoo.now, disturbed=False).loc[session]
    batch.yahoo.now = before
    return bar


@on_both_databases
def test_a_last_bar_that_stands_there_twice_is_stored_once_and_the_other_row_is_kept(started, sessions):
    session, true = sessions[30].date(), _bar(started, sessions[30])
    started.yahoo.duplicate("META", session, until=night(sessions[31]) - timedelta(hours=1), volume=true.volume - 100)
    assert started.update(night(sessions[30]), "META")["META"].quarantined == 1
    assert issues(started.engine) == [(session, "duplicate_row", False)]
    with reading(started.engine) as connection:
        assert read_bars(connection, "META")["volume"].iloc[-1] == true.volume
        raw = connection.scalar(select(price_issues.c.raw))
    assert (raw["session"], raw["volume"]) == (str(session), true.volume - 100)
    started.assert_equals_a_full_download("META")
    started.update(night(sessions[31]), "META")
    assert issues(started.engine) == [(session, "duplicate_row", True)]
    started.assert_equals_a_full_download("META")


def test_a_duplicate_that_says_the_same_is_no_issue(started, sessions):
    started.yahoo.duplicate("META", sessions[30].date(), until=night(sessions[31]))
    assert started.update(night(sessions[30]), "META") == {"META": ONE}
    assert issues(started.engine) == []


def test_a_correction_of_one_bar_is_one_revision(started, sessions):
    session, new = sessions[26].date(), night(sessions[30])
    started.yahoo.correct("META", session, at=new, close=_bar(started, sessions[26]).close * 1.001)
    old = closes(started.engine)[sessions[26]]
    started.yahoo.requests.clear()
    assert started.update(new, "META")["META"] == Written(inserted=1, revised=1, quarantined=0)
    assert len(started.yahoo.charts) == 1
    assert revisions(started.engine) == [(session, old, "correction", night(sessions[29]), new)]
    started.assert_equals_a_full_download("META")


def test_a_correction_far_back_is_found_by_fetching_the_whole_history(started, sessions):
    started.yahoo.correct("META", sessions[3].date(), at=night(sessions[30]), volume=12345.0)
    started.update(night(sessions[30]), "META")
    assert revisions(started.engine) == []
    assert started.update(night(sessions[30]), "META", full=True)["META"].revised == 1
    started.assert_equals_a_full_download("META")


@pytest.mark.parametrize(
    ("values", "kind"),
    sample(
        [
            ({"close": None}, "missing_price"),
            ({"open": None, "high": None, "low": None, "close": None, "volume": None}, "missing_price"),
            ({"open": 0.0}, "non_positive_price"),
            ({"low": -1.0}, "non_positive_price"),
            ({"high": 0.01}, "high_low_contradiction"),
            ({"open": 1e5, "high": 1e5, "low": 1e5, "close": 1e5}, "jump"),
            ({"open": 1e-3, "high": 1e-3, "low": 1e-3, "close": 1e-3}, "jump"),
        ],
        first=3,
    ),
)
def test_a_bad_row_is_quarantined_until_a_good_one_comes(started, sessions, values, kind):
    session = sessions[30].date()
    started.yahoo.disturb("META", session, until=night(sessions[31]) - timedelta(hours=1), **values)
    assert started.update(night(sessions[30]), "META")["META"].inserted == 0
    assert issues(started.engine) == [(session, kind, False)]
    with reading(started.engine) as connection:
        raw = connection.scalar(select(price_issues.c.raw))
    assert {name: raw[name] for name in values if name != "volume"} == {
        name: value for name, value in values.items() if name != "volume"
    }
    started.assert_equals_a_full_download("META")
    assert started.update(night(sessions[31]), "META")["META"].inserted == 2
    assert issues(started.engine) == [(session, kind, True)]
    started.assert_equals_a_full_download("META")
    assert revisions(started.engine) == []


def test_a_row_on_a_day_without_a_session_is_quarantined_until_it_is_gone(started, sessions):
    holiday = date(2024, 2, 19)  # Washington's birthday; sessions[33] is the day after
    assert sessions[33].date() == date(2024, 2, 20)
    started.yahoo.stray("META", holiday, until=night(sessions[34]), close=100.0)
    started.update(night(sessions[33]), "META")
    assert issues(started.engine) == [(holiday, "not_a_session", False)]
    assert pd.Timestamp(holiday) not in closes(started.engine).index
    started.assert_equals_a_full_download("META")
    started.update(night(sessions[34]), "META")
    assert issues(started.engine) == [(holiday, "not_a_session", True)]


def test_a_past_in_other_units_is_not_taken_for_a_split(started, sessions):
    """Pounds instead of pence for the whole history: no split says so."""
    before = closes(started.engine)
    true = started.yahoo.prices("META", settled_by=night(sessions[30]), disturbed=False)
    for session, bar in true.iterrows():
        scaled = {name: bar[name] / 100 for name in ("open", "high", "low", "close")}
        started.yahoo.disturb("META", session.date(), until=night(sessions[31]) - timedelta(hours=1), **scaled)
    started.yahoo.now = night(sessions[30])
    bar = started.yahoo.prices("META", settled_by=night(sessions[30]), disturbed=False).loc[sessions[30]]
    scaled = {name: bar[name] / 100 for name in ("open", "high", "low", "close")}
    started.yahoo.disturb("META", sessions[30].date(), until=night(sessions[31]) - timedelta(hours=1), **scaled)
    started.update(night(sessions[30]), "META")
    pd.testing.assert_series_equal(closes(started.engine), before, check_exact=True)
    assert issues(started.engine) == [(sessions[30].date(), "jump", False)]
    started.update(night(sessions[31]), "META")
    started.assert_equals_a_full_download("META")
    assert revisions(started.engine) == []
