"""What `read_bars` says was known at a time: exactly what it read then."""

from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stockrnn.errors import StoreError
from stockrnn.store.engine import reading, writing
from stockrnn.store.prices import read_bars
from stockrnn.store.schema import price_revisions, prices

NAN = float("nan")
NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=3)
LATEST = NOON + timedelta(days=6)
INSTANT = timedelta(microseconds=1)
BARS = {
    "2024-01-03": (396.0, 404.0, 392.0, 400.0, 390.0, 1000.0),
    "2024-01-04": (400.0, 412.0, 396.0, 408.0, 398.0, 2000.0),
}
SPLIT = {session: (*(price / 4 for price in bar[:5]), bar[5] * 4) for session, bar in BARS.items()}
NEXT = {"2024-01-05": (102.0, 104.0, 100.0, 103.0, 102.0, 9000.0)}
DAYS = [date(2024, 1, day) for day in (2, 3, 4, 5, 8)]


@pytest.fixture
def read(engine):
    def read(ticker="META", **options):
        with reading(engine) as connection:
            return read_bars(connection, ticker, **options)

    return read


@pytest.fixture
def empty(engine):
    """Forget all prices; a property test runs many examples in one store."""

    def empty():
        with writing(engine) as connection:
            for table in (price_revisions, prices):
                connection.execute(table.delete())

    return empty


def assert_same(found, expected):
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_index_type=False)


def test_before_the_first_write_nothing_was_known(write, read):
    assert read(known_at=NOON).empty
    write(BARS)
    assert read(known_at=NOON - INSTANT).empty
    assert_same(read(known_at=NOON - INSTANT), read()[:0])
    assert len(read(known_at=NOON)) == 2


def test_a_session_inserted_later_was_not_known_earlier(write, read, make_frame):
    write(BARS)
    write({"2024-01-02": BARS["2024-01-03"]} | NEXT, observed_at=LATER)
    for moment in (NOON, LATER - INSTANT):
        assert_same(read(known_at=moment), make_frame(BARS))
    assert read(known_at=LATER).index.day.tolist() == [2, 3, 4, 5]


def test_the_prices_before_a_split_stay_as_they_were_known_until_it_was_told(write, read, make_frame):
    write(BARS)
    write(SPLIT | NEXT, observed_at=LATER)
    assert_same(read(known_at=LATER - INSTANT), make_frame(BARS))
    assert_same(read(known_at=LATER), make_frame(SPLIT | NEXT))
    assert_same(read(known_at=LATEST), read())


def test_each_of_several_versions_was_known_in_its_time(write, read):
    for moment, close in ((NOON, 400.0), (LATER, 401.0), (LATEST, 400.0)):
        write({"2024-01-03": (396.0, 404.0, 392.0, close, 390.0, 1000.0)}, observed_at=moment)
    moments = (NOON, LATER - INSTANT, LATER, LATEST - INSTANT, LATEST)
    assert [read(known_at=moment)["close"].tolist() for moment in moments] == [
        [400.0],
        [400.0],
        [401.0],
        [401.0],
        [400.0],
    ]


def test_an_adj_close_that_came_later_was_missing_before(write, read):
    bar = BARS["2024-01-03"]
    write({"2024-01-03": (*bar[:4], NAN, NAN)})
    write({"2024-01-03": bar}, observed_at=LATER)
    assert read(known_at=NOON)[["adj_close", "volume"]].isna().all(axis=None)
    assert read(known_at=LATER)[["adj_close", "volume"]].to_numpy().tolist() == [[390.0, 1000.0]]


def test_a_moment_is_the_same_in_every_time_zone(write, read):
    write(BARS)
    write(SPLIT, observed_at=LATER.astimezone(timezone(timedelta(hours=-5))))
    tokyo = timezone(timedelta(hours=9))
    assert read(known_at=(LATER - INSTANT).astimezone(tokyo))["close"].tolist() == [400.0, 408.0]
    assert read(known_at=LATER.astimezone(tokyo))["close"].tolist() == [100.0, 102.0]


def test_a_time_without_an_offset_is_refused(write, read):
    write(BARS)
    with pytest.raises(StoreError, match="naive datetime 2024-01-05 12:00:00"):
        read(known_at=NOON.replace(tzinfo=None))


def test_what_was_known_of_one_ticker_is_not_mixed_with_another(write, read, make_frame):
    write(BARS)
    write(SPLIT, ticker="AAPL")
    write(SPLIT, observed_at=LATER)
    write(BARS, ticker="AAPL", observed_at=LATER)
    assert_same(read(known_at=NOON), make_frame(BARS))
    assert_same(read("AAPL", known_at=NOON), make_frame(SPLIT))


PRICE = st.sampled_from([100.0, 100.005, 100.02, 25.0, 101.0])
MAYBE = st.sampled_from([100.0, 25.0, 99.0, NAN])
OFFER = st.dictionaries(st.sampled_from(DAYS).map(str), st.tuples(*[PRICE] * 4, MAYBE, MAYBE), max_size=len(DAYS))
PAUSE = st.sampled_from([INSTANT, timedelta(seconds=1), timedelta(days=1, microseconds=500)])
WRITES = st.lists(st.tuples(PAUSE, OFFER.map(lambda offer: dict(sorted(offer.items())))), min_size=1, max_size=6)
ONCE = hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write_all(write, read, writes):
    """Write each offer; the times of the writes and what was read right after each."""
    moment, kept = NOON, []
    for pause, offer in writes:
        moment += pause
        write(offer, observed_at=moment)
        kept.append((moment, read()))
    return kept


def last_before(kept, moment, nothing):
    return next((frame for at, frame in reversed(kept) if at <= moment), nothing)


@given(writes=WRITES, hours=st.integers(0, 5))
@example(writes=[(INSTANT, BARS), (INSTANT, SPLIT), (INSTANT, BARS)], hours=0)
@ONCE
@pytest.mark.exhaustive
def test_what_was_known_at_any_time_is_what_was_read_after_the_last_write_by_then(write, read, empty, writes, hours):
    empty()
    nothing = read()
    kept = write_all(write, read, writes)
    for at, _ in kept:
        for moment in (at - INSTANT, at, at + INSTANT, at + timedelta(hours=hours)):
            assert_same(read(known_at=moment), last_before(kept, moment, nothing))
    assert_same(read(known_at=kept[-1][0] + timedelta(days=1000)), read())


@given(writes=WRITES, ends=st.tuples(*[st.sampled_from([None, *DAYS])] * 2))
@ONCE
@pytest.mark.exhaustive
def test_the_first_and_last_session_limit_what_was_known_as_they_limit_what_is(write, read, empty, writes, ends):
    empty()
    first, through = ends
    nothing = read()
    kept = write_all(write, read, writes)
    for at, _ in kept:
        for moment in (at - INSTANT, at):
            expected = last_before(kept, moment, nothing)
            expected = expected.loc[first and pd.Timestamp(first) : through and pd.Timestamp(through)]
            assert_same(read(known_at=moment, first=first, through=through), expected)
