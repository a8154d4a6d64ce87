"""Nights on which nothing is wrong but the time: what is asked for, what is stored, what comes late."""

from datetime import timedelta

import pandas as pd
from nights import (
    NEW_YORK,
    NOTHING,
    ONE,
    Batch,
    closes,
    issues,
    list_simulated,
    night,
    on_both_databases,
    read_all,
    revisions,
)
from yahoo_server import FakeYahoo

from stockrnn.store.prices import Written


def test_normal_nights_add_one_session_each_and_ask_for_little(started, sessions):
    assert len(closes(started.engine)) == 30
    for session in sessions[30:40]:
        started.yahoo.requests.clear()
        assert started.update(night(session), "META") == {"META": ONE}
        (chart,) = started.yahoo.charts
        asked = pd.Timestamp(chart[1], unit="s", tz="UTC").tz_convert("America/New_York").date()
        position = sessions.get_loc(session)
        assert asked == sessions[position - 10].date()  # the last ten stored sessions, and the new one
    started.assert_equals_a_full_download("META")
    assert revisions(started.engine) == []
    assert issues(started.engine) == []


def test_a_second_update_in_the_same_night_asks_nothing_and_changes_nothing(started, sessions):
    before = read_all(started.engine)
    started.yahoo.requests.clear()
    assert started.update(night(sessions[29]) + timedelta(hours=2), "META") == {"META": NOTHING}
    assert started.yahoo.charts == []
    assert read_all(started.engine) == before


@on_both_databases
def test_a_late_bar_is_a_gap_until_it_comes(started, sessions):
    session = sessions[30].date()
    started.yahoo.hide("META", session, until=night(sessions[31]) - timedelta(hours=1))
    assert started.update(night(sessions[30]), "META")["META"] == Written(
        inserted=0, revised=0, quarantined=0, missing=1
    )
    assert issues(started.engine) == [(session, "missing_session", False)]
    started.assert_equals_a_full_download("META")
    # the same night again: it is still asked for, since the last session is not there
    started.yahoo.requests.clear()
    started.update(night(sessions[30]) + timedelta(hours=1), "META")
    assert len(started.yahoo.charts) == 1
    assert started.update(night(sessions[31]), "META")["META"].inserted == 2
    assert issues(started.engine) == [(session, "missing_session", True)]
    started.assert_equals_a_full_download("META")


def test_a_missing_bar_that_appears_two_nights_later_is_taken_then(started, sessions):
    session = sessions[30].date()
    started.yahoo.hide("META", session, until=night(sessions[32]) - timedelta(hours=1))
    for later in sessions[30:32]:
        started.update(night(later), "META")
        assert issues(started.engine) == [(session, "missing_session", False)]
        started.assert_equals_a_full_download("META")
    assert started.update(night(sessions[32]), "META")["META"].inserted == 2
    assert issues(started.engine) == [(session, "missing_session", True)]
    started.assert_equals_a_full_download("META")
    assert revisions(started.engine) == []


def test_a_gap_older_than_the_overlap_is_asked_for_again(started, sessions):
    started.yahoo.hide("META", sessions[30].date(), until=night(sessions[55]) - timedelta(hours=1))
    for later in sessions[30:55:4]:
        started.update(night(later), "META")
    assert (sessions[30].date(), "missing_session", False) in issues(started.engine)
    started.update(night(sessions[55]), "META")
    assert (sessions[30].date(), "missing_session", True) in issues(started.engine)
    started.assert_equals_a_full_download("META")


def test_the_bar_of_an_open_session_is_not_stored_nor_one_that_has_just_closed(started, sessions):
    opens, closed = (started_at.to_pydatetime() for started_at in _times(sessions[30]))
    for moment in (opens + timedelta(hours=1), closed + timedelta(hours=3, minutes=59)):
        started.update(moment, "META")
        assert closes(started.engine).index[-1] == sessions[29]
        assert issues(started.engine) == []
    assert started.update(closed + timedelta(hours=4), "META") == {"META": ONE}
    started.assert_equals_a_full_download("META")


def _times(session):
    return NEW_YORK.table.loc[session]


def test_the_settle_delay_can_be_set(started, sessions):
    _, closed = _times(sessions[30])
    started.settings = started.settings.model_copy(update={"settle_hours": 0.5})
    assert started.update(closed.to_pydatetime() + timedelta(minutes=31), "META") == {"META": ONE}


def test_noise_in_the_last_digits_changes_no_row(settings, engine, make_client):
    with FakeYahoo(noise=True) as yahoo:
        batch = Batch(settings, engine, yahoo, make_client(yahoo), lambda: engine)
        sessions = list_simulated(yahoo)
        for session in sessions[20:40]:
            batch.update(night(session), "META")
    assert len(closes(engine)) == 40
    assert revisions(engine) == []


def test_an_as_of_in_the_past_stores_what_had_settled_then_but_dates_it_now(batch, sessions):
    now = night(sessions[50])
    batch.update(now, "META", as_of=night(sessions[20]))
    assert closes(batch.engine).index[-1] == sessions[20]
    assert {row[-1] for row in read_all(batch.engine, "prices")["prices"]} == {now}
    batch.update(now + timedelta(days=1), "META")
    batch.assert_equals_a_full_download("META")


@on_both_databases
def test_a_run_that_was_overtaken_by_a_later_one_writes_nothing(started, sessions):
    later, earlier = night(sessions[31]), night(sessions[30])
    started.yahoo.correct("META", sessions[28].date(), at=later, volume=1.0)
    fetch, before = started.client.fetch, {}

    def fetch_slowly(*request):
        download = fetch(*request)
        started.client.fetch = fetch
        started.update(later, "META")
        before.update(read_all(started.engine))
        return download

    started.client.fetch = fetch_slowly
    assert started.update(earlier, "META", full=True) == {"META": NOTHING}
    assert read_all(started.engine) == before


def test_updates_go_on_after_a_clock_that_was_ahead_was_set_right(started, sessions):
    wrong = night(sessions[30]) + timedelta(days=400)
    started.update(wrong, "META", as_of=night(sessions[30]))
    for session in sessions[31:33]:
        assert started.update(night(session), "META") == {"META": ONE}
    started.assert_equals_a_full_download("META")
