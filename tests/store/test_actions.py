from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from stockrnn.errors import StoreError
from stockrnn.store.actions import differ, read_actions, write_actions
from stockrnn.store.engine import reading, writing
from stockrnn.store.schema import action_revisions, corporate_actions
from stockrnn.types import Action, Span

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=3)
LATEST = NOON + timedelta(days=6)
BARS = {"2024-01-04": (344.50, 348.15, 343.40, 347.12, 346.77, 12_099_900.0)}
JANUARY = Span(date(2024, 1, 1), date(2024, 1, 31))


def action(day, kind="dividend", value=0.5, month=1):
    return Action(ex_date=date(2024, month, day), kind=kind, value=value)


@pytest.fixture
def tell(engine, write):
    """Store what a source tells of META's January; arguments change what differs."""
    write(BARS)
    write(BARS, ticker="AAPL")

    def tell(*actions, ticker="META", **changes):
        with writing(engine) as connection:
            write_actions(connection, ticker, actions, **({"asked": JANUARY, "observed_at": NOON} | changes))

    return tell


@pytest.fixture
def stored(engine, tell):
    """Read what is stored of a ticker."""

    def stored(ticker="META"):
        with reading(engine) as connection:
            return read_actions(connection, ticker)

    return stored


def rows(engine, table):
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]


def test_actions_are_stored_with_their_time_and_read_in_order_of_date_and_kind(engine, tell, stored):
    told = [action(9, "split", 4.0), action(9, "dividend", 0.1 + 0.2), action(3), action(9, "capital_gain", 1.5)]
    tell(*told)
    assert stored() == [told[2], told[3], told[1], told[0]]
    assert rows(engine, corporate_actions)[0] == ("META", date(2024, 1, 3), "dividend", 0.5, NOON)
    assert rows(engine, action_revisions) == []


def test_a_ticker_without_actions_has_none(tell, stored):
    tell()
    assert stored() == []
    assert stored("NOSUCH") == []


def test_an_action_of_an_unknown_ticker_is_refused(engine, tell):
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        tell(action(3), ticker="NOSUCH")
    assert rows(engine, corporate_actions) == []


def test_the_same_actions_again_change_no_row(engine, tell):
    tell(action(3), action(9, "split", 4.0))
    before = rows(engine, corporate_actions)
    tell(action(9, "split", 4.0), action(3), observed_at=LATER)
    assert rows(engine, corporate_actions) == before
    assert rows(engine, action_revisions) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_a_value_within_a_millionth_is_the_same_and_beyond_it_is_not(engine, tell, stored, sign):
    tell(action(3, value=0.5))
    tell(action(3, value=0.5 * (1 + sign * 0.9e-6)), observed_at=LATER)
    assert stored() == [action(3, value=0.5)]
    changed = action(3, value=0.5 * (1 + sign * 1.2e-6))
    tell(changed, observed_at=LATER)
    assert stored() == [changed]
    assert len(rows(engine, action_revisions)) == 1


def test_a_changed_value_moves_the_old_one_to_the_revisions_with_its_times(engine, tell, stored):
    """As a split does to the dividends before it."""
    tell(action(3, value=2.0), action(9))
    tell(action(3, value=0.5), action(9), observed_at=LATER)
    assert rows(engine, corporate_actions) == [
        ("META", date(2024, 1, 3), "dividend", 0.5, LATER),
        ("META", date(2024, 1, 9), "dividend", 0.5, NOON),
    ]
    assert rows(engine, action_revisions) == [("META", date(2024, 1, 3), "dividend", LATER, 2.0, NOON)]
    tell(action(3, value=0.25), action(9), observed_at=LATEST)
    assert [row[3:] for row in rows(engine, action_revisions)] == [(LATER, 2.0, NOON), (LATEST, 0.5, LATER)]


def test_an_action_that_is_told_no_more_moves_to_the_revisions_and_may_come_back(engine, tell, stored):
    tell(action(3), action(9))
    tell(action(9), observed_at=LATER)
    assert stored() == [action(9)]
    assert rows(engine, action_revisions) == [("META", date(2024, 1, 3), "dividend", LATER, 0.5, NOON)]
    tell(action(3), action(9), observed_at=LATEST)
    assert rows(engine, corporate_actions)[0] == ("META", date(2024, 1, 3), "dividend", 0.5, LATEST)
    assert len(rows(engine, action_revisions)) == 1


def test_a_moved_date_is_one_action_gone_and_one_new(engine, tell, stored):
    tell(action(9))
    tell(action(10), observed_at=LATER)
    assert stored() == [action(10)]
    assert [row[1] for row in rows(engine, action_revisions)] == [date(2024, 1, 9)]


def test_the_kind_of_an_action_is_part_of_what_it_is(engine, tell, stored):
    tell(action(9, "dividend", 4.0))
    tell(action(9, "split", 4.0), observed_at=LATER)
    assert stored() == [action(9, "split", 4.0)]
    assert [row[2] for row in rows(engine, action_revisions)] == ["dividend"]


def test_actions_before_the_span_asked_for_are_neither_taken_nor_dropped(engine, tell, stored):
    tell(action(3), action(9))
    asked = Span(date(2024, 1, 10), date(2024, 1, 31))
    tell(action(3, value=9.0), action(5), asked=asked, observed_at=LATER)
    assert stored() == [action(3), action(9)]
    assert rows(engine, action_revisions) == []


@pytest.mark.parametrize(("day", "stays"), [(9, True), (10, False), (20, False), (21, True)])
def test_an_action_is_gone_only_if_its_date_was_asked_for_from_first_to_last(tell, stored, day, stays):
    tell(action(day))
    tell(asked=Span(date(2024, 1, 10), date(2024, 1, 20)), observed_at=LATER)
    assert stored() == ([action(day)] if stays else [])


def test_an_action_to_come_is_stored_stays_while_it_is_left_out_and_may_change(engine, tell, stored):
    ahead = action(9, month=2)
    tell(ahead)
    tell(observed_at=LATER)
    assert stored() == [ahead]
    assert rows(engine, action_revisions) == []
    tell(action(9, month=2, value=0.75), observed_at=LATEST)
    assert stored() == [action(9, month=2, value=0.75)]
    assert [row[3:] for row in rows(engine, action_revisions)] == [(LATEST, 0.5, NOON)]


def test_an_action_that_was_to_come_and_never_came_is_gone_once_its_date_is_asked_for(tell, stored):
    tell(action(9, month=2))
    tell(asked=Span(JANUARY.first, date(2024, 2, 9)), observed_at=LATER)
    assert stored() == []


def test_what_is_told_of_one_ticker_touches_no_other(engine, tell, stored):
    tell(action(3), ticker="AAPL")
    tell(action(9))
    tell(observed_at=LATER)
    assert (stored("AAPL"), stored("META")) == ([action(3)], [])
    assert [row[0] for row in rows(engine, action_revisions)] == ["META"]


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ([action(3), action(9, "split", 4.0)], False),
        ([action(9, "split", 4.0), action(3, value=0.5 * (1 + 1e-7))], False),
        ([action(3)], True),
        ([action(3), action(9, "split", 5.0)], True),
        ([action(3), action(9, "dividend", 4.0)], True),
        ([action(3), action(9, "split", 4.0), action(10)], True),
        ([action(3), action(9, "split", 4.0), action(1, month=2)], True),
        ([action(3), action(9, "split", 4.0), Action(ex_date=date(2023, 12, 29), kind="split", value=2.0)], False),
        ([], True),
    ],
)
def test_offers_differ_where_an_action_since_the_first_day_asked_is_new_changed_or_gone(offered, expected):
    assert differ([action(3), action(9, "split", 4.0)], offered, JANUARY) == expected


def test_an_action_to_come_that_is_left_out_is_no_difference():
    assert not differ([action(9, month=2)], [], JANUARY)


ACTIONS = st.dictionaries(
    st.tuples(st.integers(1, 12), st.sampled_from(["dividend", "split", "capital_gain"])),
    st.sampled_from([0.25, 0.5, 2.0]),
    max_size=5,
).map(lambda told: [action(day, kind, value) for (day, kind), value in told.items()])
SPANS = st.tuples(st.integers(1, 12), st.integers(1, 12)).map(
    lambda ends: Span(date(2024, 1, min(ends)), date(2024, 1, max(ends)))
)


@given(told=st.lists(st.tuples(ACTIONS, SPANS), min_size=1, max_size=5))
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_every_write_the_span_holds_what_was_told_and_no_value_is_lost(engine, tell, stored, told):
    with writing(engine) as connection:
        for table in (action_revisions, corporate_actions):
            connection.execute(table.delete())
    inserted = 0
    for night, (actions, asked) in enumerate(told):
        before = stored()
        tell(*actions, asked=asked, observed_at=NOON + timedelta(days=night))
        after = stored()
        assert differ(before, actions, asked) == (before != after)
        assert not differ(after, actions, asked)
        since = {each for each in actions if each.ex_date >= asked.first}
        assert since <= set(after)
        assert {each for each in after if asked.first <= each.ex_date <= asked.last} <= since
        assert [each for each in after if each.ex_date < asked.first] == [
            each for each in before if each.ex_date < asked.first
        ]
        inserted += len(set(after) - set(before))
    assert len(rows(engine, corporate_actions)) + len(rows(engine, action_revisions)) == inserted
