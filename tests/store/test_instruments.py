from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stockrnn.store import instruments as store
from stockrnn.store.engine import reading, writing
from stockrnn.store.instruments import Instrument
from stockrnn.store.schema import price_issues, prices
from stockrnn.types import PriceIssue

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=3)
LATEST = NOON + timedelta(days=6)
BAR = (344.50, 348.15, 343.40, 347.12, 346.77, 12_099_900.0)
# META after one import of 4 and 5 January
META = {
    "ticker": "META",
    "calendar": "XNYS",
    "currency": "USD",
    "market": "real",
    "first_session": date(2024, 1, 4),
    "last_session": date(2024, 1, 5),
    "active": True,
    "updated_at": None,
    "no_data_nights": 0,
    "no_data_at": None,
}


def bars(*days):
    return {f"2024-01-{day:02}": BAR for day in days}


def issue(day, month=1):
    return PriceIssue(session=date(2024, month, day), kind="missing_price", detail="close is missing", raw={})


def change(engine, write_record, *arguments, **options):
    with writing(engine) as connection:
        write_record(connection, *arguments, **options)


def read(engine, ticker="META"):
    with reading(engine) as connection:
        return store.read_instrument(connection, ticker)


def overlap(engine, *, sessions=3, since=date(2024, 1, 1), ticker="META"):
    with reading(engine) as connection:
        return store.read_overlap_start(connection, ticker, sessions=sessions, issues_since=since)


def test_a_ticker_is_known_from_its_first_prices_on(engine, write):
    assert read(engine) is None
    write(bars(4, 5))
    assert read(engine) == Instrument(**META)


def test_another_write_keeps_what_is_known_of_a_ticker_but_for_its_span(engine, write):
    write(bars(4, 5))
    write(bars(3), calendar="XNAS", currency="EUR", observed_at=LATER)
    assert read(engine) == Instrument(**META | {"first_session": date(2024, 1, 3)})


def test_an_answer_of_the_source_is_noted_with_what_it_says(engine, write):
    write(bars(4, 5))
    change(engine, store.write_updated, "META", calendar="XNAS", currency="EUR", updated_at=LATER)
    assert read(engine) == Instrument(**META | {"calendar": "XNAS", "currency": "EUR", "updated_at": LATER})


@pytest.mark.parametrize(
    ("known", "told", "expected"),
    [("USD", None, "USD"), (None, "USD", "USD"), (None, None, None), ("USD", "EUR", "EUR")],
)
def test_a_currency_that_the_source_does_not_tell_stays(engine, write, known, told, expected):
    write(bars(4, 5), currency=known)
    change(engine, store.write_updated, "META", calendar="XNYS", currency=told, updated_at=LATER)
    assert read(engine).currency == expected


def test_nights_without_data_are_noted_and_can_be_taken_back(engine, write):
    write(bars(4, 5))
    change(engine, store.write_no_data, "META", nights=5, at=LATER, active=False)
    assert read(engine) == Instrument(**META | {"no_data_nights": 5, "no_data_at": LATER, "active": False})
    change(engine, store.write_no_data, "META", nights=0, at=None, active=True)
    assert read(engine) == Instrument(**META)


def test_an_answer_alone_takes_no_night_without_data_back(engine, write):
    write(bars(4, 5))
    change(engine, store.write_no_data, "META", nights=5, at=LATER, active=False)
    change(engine, store.write_updated, "META", calendar="XNYS", currency=None, updated_at=LATEST)
    assert read(engine) == Instrument(
        **META | {"updated_at": LATEST, "no_data_nights": 5, "no_data_at": LATER, "active": False}
    )


def test_nights_without_data_keep_the_time_of_the_last_answer(engine, write):
    write(bars(4, 5))
    change(engine, store.write_updated, "META", calendar="XNYS", currency=None, updated_at=NOON)
    change(engine, store.write_no_data, "META", nights=1, at=LATER, active=True)
    assert read(engine) == Instrument(
        **META | {"updated_at": NOON, "no_data_nights": 1, "no_data_at": LATER, "active": True}
    )


def test_prices_from_a_file_leave_an_inactive_ticker_inactive(engine, write):
    write(bars(4))
    change(engine, store.write_no_data, "META", nights=5, at=LATER, active=False)
    write(bars(5), observed_at=LATEST)
    assert (read(engine).active, read(engine).no_data_nights) == (False, 5)


def test_what_is_noted_of_one_ticker_touches_no_other(engine, write):
    write(bars(4, 5))
    write(bars(4, 5), ticker="AAPL")
    change(engine, store.write_no_data, "AAPL", nights=5, at=LATER, active=False)
    change(engine, store.write_updated, "AAPL", calendar="XNAS", currency="EUR", updated_at=LATER)
    write(bars(8), ticker="AAPL")
    assert read(engine) == Instrument(**META)


def test_nothing_is_noted_of_a_ticker_that_is_not_known(engine):
    change(engine, store.write_no_data, "META", nights=5, at=LATER, active=False)
    change(engine, store.write_updated, "META", calendar="XNYS", currency="USD", updated_at=LATER)
    change(engine, store.write_span, "META")
    assert read(engine) is None


def test_inactive_tickers_are_listed_apart_whatever_their_market(engine, write):
    for ticker, source in (("MSFT", "csv"), ("SIM-B", "simulated"), ("AAPL", "csv"), ("SIM-A", "simulated")):
        write(bars(4), ticker=ticker, source=source)
    for ticker in ("MSFT", "SIM-A"):
        change(engine, store.write_no_data, ticker, nights=5, at=LATER, active=False)
    with reading(engine) as connection:
        assert store.read_inactive_tickers(connection) == {"MSFT", "SIM-A"}
        assert store.read_tickers(connection, simulated=False) == ["AAPL"]
        assert store.read_tickers(connection, simulated=True) == ["SIM-B"]


def test_a_ticker_without_any_price_is_a_real_one(engine):
    change(engine, store.lock_instrument, "META", calendar="XNYS", currency=None, source="csv")
    with reading(engine) as connection:
        assert store.read_tickers(connection, simulated=False) == ["META"]
        assert store.read_tickers(connection, simulated=True) == []
    assert read(engine) == Instrument(
        **META | {"currency": None, "first_session": None, "last_session": None, "active": True}
    )


def test_the_span_is_that_of_the_stored_prices(engine, write):
    write(bars(4, 5, 8))
    with writing(engine) as connection:
        connection.execute(prices.delete().where(prices.c.session == date(2024, 1, 8)))
        store.write_span(connection, "META")
        assert store.read_span(connection, "META") == (date(2024, 1, 4), date(2024, 1, 5))
        connection.execute(prices.delete())
        store.write_span(connection, "META")
        assert store.read_span(connection, "META") == (None, None)


@pytest.mark.parametrize(("sessions", "day"), [(1, 9), (2, 8), (3, 5), (5, 3), (6, 3), (1000, 3)])
def test_the_overlap_starts_the_stored_sessions_asked_for_back(engine, write, sessions, day):
    write(bars(3, 4, 5, 8, 9))
    assert overlap(engine, sessions=sessions) == date(2024, 1, day)


def test_without_prices_there_is_no_overlap_whatever_the_issues(engine, write):
    assert overlap(engine) is None
    write({}, issues=(issue(4),))
    assert overlap(engine) is None


def test_an_open_issue_before_the_overlap_moves_its_start_back(engine, write):
    write(bars(3, 4, 5, 8, 9, 10), issues=(issue(2), issue(6)))
    assert overlap(engine) == date(2024, 1, 2)


@pytest.mark.parametrize("day", [8, 9, 11])
def test_an_issue_in_the_overlap_or_after_it_moves_nothing(engine, write, day):
    write(bars(3, 4, 5, 8, 9, 10), issues=(issue(day),))
    assert overlap(engine) == date(2024, 1, 8)


def test_a_resolved_issue_moves_nothing(engine, write):
    write(bars(4, 5, 8, 9, 10), issues=(issue(2), issue(3)))
    write(bars(2), observed_at=LATER)
    assert overlap(engine) == date(2024, 1, 3)
    write(bars(3), observed_at=LATER)
    assert overlap(engine) == date(2024, 1, 8)


@pytest.mark.parametrize(("since", "day"), [(2, 2), (3, 4), (4, 4), (5, 8)])
def test_issues_before_the_day_given_are_left_alone_but_not_those_on_it(engine, write, since, day):
    write(bars(5, 8, 9, 10), issues=(issue(2), issue(4)))
    assert overlap(engine, since=date(2024, 1, since)) == date(2024, 1, day)


def test_the_overlap_of_one_ticker_knows_nothing_of_another(engine, write):
    write(bars(8, 9, 10))
    write(bars(3, 4, 5), ticker="AAPL", issues=(issue(2),))
    assert overlap(engine) == date(2024, 1, 8)
    assert overlap(engine, ticker="AAPL", since=date(2024, 1, 3)) == date(2024, 1, 3)
    assert overlap(engine, ticker="NOSUCH") is None


@given(
    stored=st.sets(st.integers(1, 28), min_size=1),
    open_issues=st.sets(st.integers(1, 28)),
    asked=st.tuples(st.integers(1, 12), st.integers(1, 28)),
)
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_overlap_is_the_last_sessions_and_all_recent_issues(engine, write, stored, open_issues, asked):
    sessions, since = asked
    with writing(engine) as connection:
        for table in (price_issues, prices):
            connection.execute(table.delete())
    write(bars(*sorted(stored)), issues=tuple(issue(day) for day in open_issues))
    expected = min(sorted(stored)[-sessions:] + [day for day in open_issues if day >= since])
    assert overlap(engine, sessions=sessions, since=date(2024, 1, since)) == date(2024, 1, expected)
