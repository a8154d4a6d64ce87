from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from stockrnn.errors import StoreError
from stockrnn.store.engine import reading, writing
from stockrnn.store.issues import write_issues
from stockrnn.store.schema import price_issues
from stockrnn.types import PriceIssue, Span

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=3)
LATEST = NOON + timedelta(days=6)
BARS = {"2024-01-04": (344.50, 348.15, 343.40, 347.12, 346.77, 12_099_900.0)}
SPAN = Span(date(2024, 1, 8), date(2024, 1, 12))


def issue(day, kind="missing_price", detail="close is missing", **raw):
    return PriceIssue(session=date(2024, 1, day), kind=kind, detail=detail, raw=raw)


def sessions(*days):
    return pd.DatetimeIndex([pd.Timestamp(2024, 1, day) for day in days], name="session").as_unit("ns")


@pytest.fixture
def note(engine, write):
    """Store META's issues of a night that asked for a week; arguments change what differs."""
    write(BARS)
    write(BARS, ticker="AAPL")

    def note(*issues, ticker="META", good=(), **changes):
        given = {"asked": SPAN, "observed_at": NOON} | changes
        with writing(engine) as connection:
            write_issues(connection, ticker, issues, good=sessions(*good), **given)

    return note


def read(engine, *columns):
    chosen = [price_issues.c[name] for name in columns] or [price_issues]
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(select(*chosen).order_by(*price_issues.primary_key))]


def states(engine):
    """Day, kind, and since when it is resolved, of each issue."""
    return [(day.day, kind, resolved) for day, kind, resolved in read(engine, "session", "kind", "resolved_at")]


def test_an_issue_is_stored_with_its_values_and_the_time_it_was_found(engine, note):
    note(issue(9, close=None, volume=12.5))
    assert read(engine) == [
        (
            "META",
            date(2024, 1, 9),
            "missing_price",
            "close is missing",
            {"close": None, "volume": 12.5},
            NOON,
            None,
            None,
        )
    ]


def test_an_issue_that_is_still_there_changes_no_row(engine, note):
    note(issue(9), issue(10, "jump"))
    before = read(engine)
    note(issue(10, "jump"), issue(9), observed_at=LATER)
    assert read(engine) == before


def test_two_issues_of_one_kind_and_session_in_one_offer_are_stored_as_the_first(engine, note):
    note(issue(9, "duplicate_row", "first"), issue(9, "duplicate_row", "second"))
    assert read(engine, "kind", "detail") == [("duplicate_row", "first")]


def test_two_kinds_on_one_session_are_two_issues(engine, note):
    note(issue(9), issue(9, "jump"))
    assert states(engine) == [(9, "jump", None), (9, "missing_price", None)]


@pytest.mark.parametrize("asked", [SPAN, None])
def test_a_good_bar_resolves_the_issues_of_its_session_and_no_other(engine, note, asked):
    note(issue(9), issue(9, "jump"), issue(10))
    note(issue(10), good=[9, 11], asked=asked, observed_at=LATER)
    assert states(engine) == [(9, "jump", LATER), (9, "missing_price", LATER), (10, "missing_price", None)]


def test_a_good_bar_outside_the_span_asked_for_resolves_too(engine, note):
    note(issue(3))
    note(good=[3], observed_at=LATER)
    assert states(engine) == [(3, "missing_price", LATER)]


def test_a_session_may_have_a_good_bar_and_an_issue_at_once(engine, note):
    """As one that stands there twice with different values."""
    note(issue(9), issue(9, "duplicate_row"))
    note(issue(9, "duplicate_row"), good=[9], observed_at=LATER)
    assert states(engine) == [(9, "duplicate_row", None), (9, "missing_price", LATER)]


@pytest.mark.parametrize(("day", "resolved"), [(7, None), (8, LATER), (10, LATER), (12, LATER), (13, None)])
def test_what_the_source_shows_no_longer_is_resolved_where_it_was_asked_from_first_to_last(
    engine, note, day, resolved
):
    note(issue(day))
    note(observed_at=LATER)
    assert states(engine) == [(day, "missing_price", resolved)]


def test_a_file_resolves_nothing_that_it_does_not_have(engine, note):
    note(issue(9))
    note(asked=None, observed_at=LATER)
    assert states(engine) == [(9, "missing_price", None)]


def test_another_fault_of_the_same_session_takes_the_place_of_the_first(engine, note):
    note(issue(9, "missing_session"))
    note(issue(9, "missing_price"), observed_at=LATER)
    assert states(engine) == [(9, "missing_price", None), (9, "missing_session", LATER)]


def test_an_issue_that_comes_back_is_open_again_with_its_new_words_and_time(engine, note):
    note(issue(9, close=None))
    note(good=[9], observed_at=LATER)
    assert read(engine, "resolved_at", "resolved_by") == [(LATER, "source")]
    note(issue(9, detail="open is missing", open=None), observed_at=LATEST)
    assert read(engine, "detail", "raw", "detected_at", "resolved_at", "resolved_by") == [
        ("open is missing", {"open": None}, LATEST, None, None)
    ]
    note(good=[9], observed_at=LATEST + timedelta(days=1))
    assert states(engine) == [(9, "missing_price", LATEST + timedelta(days=1))]


def test_the_time_at_which_an_issue_was_resolved_stays(engine, note):
    note(issue(9))
    note(good=[9], observed_at=LATER)
    before = read(engine)
    note(issue(10), good=[9], observed_at=LATEST)
    note(good=[9, 10], observed_at=LATEST)
    assert read(engine)[:1] == before


def test_the_issues_of_one_ticker_touch_no_other(engine, note):
    note(issue(9), ticker="AAPL")
    note(issue(9))
    note(good=[9], observed_at=LATER)
    assert read(engine, "ticker", "resolved_at") == [("AAPL", None), ("META", LATER)]


@pytest.mark.parametrize("year", [1920, 2120, 2200])
def test_a_mistyped_year_is_kept_and_compared_with_good_sessions_all_the_same(engine, note, year):
    odd = PriceIssue(session=date(year, 12, 31), kind="not_a_session", detail="no session", raw={})
    note(odd, good=[9])
    note(good=[9], observed_at=LATER)
    assert read(engine, "session", "resolved_at") == [(date(year, 12, 31), None)]
    note(asked=Span(date(1900, 1, 1), date(2200, 12, 31)), observed_at=LATEST)
    assert read(engine, "resolved_at") == [(LATEST,)]


def test_an_issue_of_an_unknown_ticker_is_refused(engine, note):
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        note(issue(9), ticker="NOSUCH")
    assert read(engine) == []


KEYS = st.sets(st.tuples(st.integers(6, 14), st.sampled_from(["missing_price", "missing_session", "jump"])))
NIGHTS = st.lists(st.tuples(KEYS, st.sets(st.integers(6, 14)), st.booleans()), min_size=1, max_size=6)


@given(NIGHTS)
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_open_issues_are_those_last_shown_and_not_refuted_since(engine, note, nights):
    with writing(engine) as connection:
        connection.execute(price_issues.delete())
    shown, found_at = set(), {}
    for night, (keys, good, from_file) in enumerate(nights):
        moment = NOON + timedelta(days=night)
        note(
            *(issue(day, kind) for day, kind in sorted(keys)),
            good=sorted(good),
            asked=None if from_file else SPAN,
            observed_at=moment,
        )
        refuted = good if from_file else good | set(range(8, 13))
        shown = {key for key in shown if key[0] not in refuted} | keys
        found_at = {key: found_at.get(key, moment) for key in shown}
        stored = read(engine, "session", "kind", "detected_at", "resolved_at")
        assert {(day.day, kind): at for day, kind, at, resolved in stored if resolved is None} == found_at
        assert all(resolved <= moment for *_, resolved in stored if resolved is not None)
