"""Dividends and splits: what they restate, and when."""

from datetime import timedelta

import pandas as pd
import pytest
from nights import closes, issues, night, on_both_databases, read_all, read_store, revisions

from stockrnn.store.prices import Written


@pytest.mark.parametrize("amount", [1.0, 0.002])
def test_a_dividend_restates_the_adjusted_closes_of_the_whole_past(started, sessions, amount):
    """Also one so small that no adjusted close moves by more than the tolerance."""
    ex_date = sessions[32]
    started.yahoo.dividend("META", ex_date=ex_date.date(), amount=amount)
    for session in sessions[30:36]:
        started.yahoo.requests.clear()
        started.update(night(session), "META")
        assert len(started.yahoo.charts) == (2 if session == ex_date else 1)
    revised = revisions(started.engine)
    if amount == 1.0:
        started.assert_equals_a_full_download("META")
        assert {row[2:] for row in revised if row[0] < sessions[30].date()} == {
            ("dividend", night(sessions[29]), night(ex_date))
        }
        assert len(revised) == 32  # every session before the ex-date, and no other
    else:
        assert revised == []
        before = read_store(started.engine, "META")["prices"]
        true = started.yahoo.prices("META", settled_by=started.yahoo.now)
        assert (abs(before["adj_close"].to_numpy() / true["adj_close"].to_numpy() - 1) < 1e-4).all()
    assert read_store(started.engine, "META")["actions"] == [(ex_date.date(), "dividend", amount)]


@pytest.mark.exhaustive
def test_small_dividends_do_not_add_up_beyond_the_tolerance(started, sessions):
    for position in range(30, 60, 3):
        started.yahoo.dividend("META", ex_date=sessions[position].date(), amount=0.004)
    for session in sessions[30:62]:
        started.update(night(session), "META")
    stored = read_store(started.engine, "META")["prices"]["adj_close"].to_numpy()
    true = started.yahoo.prices("META", settled_by=started.yahoo.now)["adj_close"].to_numpy()
    assert abs(stored / true - 1).max() < 1e-4
    assert (stored / stored[-1] * true[-1] / true - 1).max() < 1e-4


def test_a_dividend_announced_ahead_is_kept_without_a_row_of_nothing(started, sessions):
    ex_date = sessions[31].date()
    started.yahoo.dividend("META", ex_date=ex_date, amount=1.0, announced_at=night(sessions[29]))
    for session in sessions[30:34]:
        started.update(night(session), "META")
        started.assert_equals_a_full_download("META")
    assert read_store(started.engine, "META")["actions"] == [(ex_date, "dividend", 1.0)]
    assert issues(started.engine) == []


def test_a_dividend_whose_own_bar_is_late_keeps_its_date(started, sessions):
    """The client moves such a dividend to the session before, or makes a row of nothing for it."""
    ex_date = sessions[31].date()
    started.yahoo.hide("META", ex_date, until=night(sessions[33]) - timedelta(hours=1))
    started.yahoo.dividend("META", ex_date=ex_date, amount=1.0)
    for session in sessions[30:34]:
        started.update(night(session), "META")
        expected = [] if session == sessions[30] else [(ex_date, "dividend", 1.0)]
        assert read_store(started.engine, "META")["actions"] == expected
        assert {kind for _, kind, _ in issues(started.engine)} <= {"missing_session"}
        started.assert_equals_a_full_download("META")
    assert read_all(started.engine, "action_revisions") == {"action_revisions": []}


@pytest.mark.parametrize("ratio", [4.0, 0.1])
def test_a_split_restates_the_whole_past_and_the_old_prices_stay_readable(started, sessions, ratio):
    before = closes(started.engine)
    started.yahoo.split("META", ex_date=sessions[30].date(), ratio=ratio)
    assert started.update(night(sessions[30]), "META")["META"] == Written(inserted=1, revised=30, quarantined=0)
    started.assert_equals_a_full_download("META")
    after = closes(started.engine)
    pd.testing.assert_series_equal(after.iloc[:30], before / ratio, rtol=1e-9)
    assert {row[2:] for row in revisions(started.engine)} == {("split", night(sessions[29]), night(sessions[30]))}
    known = closes(started.engine, known_at=night(sessions[30]) - timedelta(seconds=1))
    pd.testing.assert_series_equal(known, before, check_exact=True)
    assert read_store(started.engine, "META")["actions"] == [(sessions[30].date(), "split", ratio)]


@on_both_databases
def test_a_split_also_restates_the_dividends_paid_before(started, sessions):
    started.yahoo.dividend("META", ex_date=sessions[30].date(), amount=2.0)
    started.yahoo.split("META", ex_date=sessions[32].date(), ratio=4.0)
    for session in sessions[30:34]:
        started.update(night(session), "META")
        started.assert_equals_a_full_download("META")
    assert read_store(started.engine, "META")["actions"] == [
        (sessions[30].date(), "dividend", 0.5),
        (sessions[32].date(), "split", 4.0),
    ]
    (old,) = read_all(started.engine, "action_revisions")["action_revisions"]
    assert old == ("META", sessions[30].date(), "dividend", night(sessions[32]), 2.0, night(sessions[30]))


def test_a_split_whose_past_is_restated_days_later_waits_for_it(started, sessions):
    """Until then the new bars are on another basis than the old: a fall of 75 % that never was."""
    ex_date = sessions[31].date()
    started.yahoo.split("META", ex_date=ex_date, ratio=4.0, restated_at=night(sessions[33]) - timedelta(hours=1))
    for session in sessions[30:33]:
        started.update(night(session), "META")
        assert closes(started.engine).pct_change().abs().max() < 0.3
    kinds = [(session.date(), "split_not_applied", False) for session in sessions[31:33]]
    assert issues(started.engine) == kinds
    started.update(night(sessions[33]), "META")
    started.assert_equals_a_full_download("META")
    assert issues(started.engine) == [(session, kind, True) for session, kind, _ in kinds]
    assert closes(started.engine).pct_change().abs().max() < 0.3
