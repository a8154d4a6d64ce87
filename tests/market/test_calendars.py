from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.errors import UnknownCalendarError, UsageError
from stockrnn.market.calendars import calendar_at, load_calendar
from stockrnn.sources.csv_file import read_price_file


def load(name="XNYS"):
    return load_calendar(name, through_year=2026)


def utc(*moment):
    return datetime(*moment, tzinfo=UTC)


@pytest.mark.parametrize(
    ("session", "following"),
    [
        (date(2024, 1, 5), date(2024, 1, 8)),  # Friday to Monday
        (date(2018, 12, 4), date(2018, 12, 6)),  # the day of mourning for a president
        (date(2020, 1, 17), date(2020, 1, 21)),  # Martin Luther King Day on the Monday
        (date(2024, 1, 6), date(2024, 1, 8)),  # asked on a Saturday
        (date(2012, 10, 26), date(2012, 10, 31)),  # Hurricane Sandy
    ],
)
def test_the_next_session_is_the_next_trading_day_in_new_york(session, following):
    assert load().next_session(session) == following


def test_the_tutorials_years_have_their_sessions(shared_data):
    training = load().sessions(date(2015, 1, 1), date(2019, 12, 31))
    holdout = load().sessions(date(2020, 1, 1), date(2020, 1, 31))
    assert (len(training), len(holdout)) == (1258, 21)
    traded = [read_price_file(shared_data / "tutorial" / f"FB_{part}_data.csv") for part in ("training", "test")]
    assert training.tolist() == traded[0]["session"].tolist()
    assert holdout.tolist() == traded[1]["session"].tolist()


def test_a_span_of_sessions_includes_both_ends_and_may_be_empty():
    days = load().sessions(date(2024, 1, 5), date(2024, 1, 8))
    assert days.tolist() == [pd.Timestamp("2024-01-05"), pd.Timestamp("2024-01-08")]
    assert len(load().sessions(date(2024, 1, 6), date(2024, 1, 7))) == 0


@pytest.mark.parametrize(
    ("as_of", "closed"),
    [
        (utc(2024, 1, 8, 20, 59), date(2024, 1, 5)),
        (utc(2024, 1, 8, 21, 0), date(2024, 1, 8)),
        (utc(2024, 1, 7, 12), date(2024, 1, 5)),
        (utc(2024, 11, 29, 17, 59), date(2024, 11, 27)),  # the early close after Thanksgiving
        (utc(2024, 11, 29, 18, 0), date(2024, 11, 29)),
        (utc(2024, 7, 8, 19, 59), date(2024, 7, 5)),  # in summer an hour earlier
        (utc(2024, 7, 8, 20, 0), date(2024, 7, 8)),
    ],
)
def test_a_session_is_closed_from_its_closing_time_on(as_of, closed):
    assert load().last_closed(as_of) == closed


@pytest.mark.parametrize(
    ("as_of", "session"),
    [
        (utc(2024, 1, 8, 14, 29), date(2024, 1, 8)),
        (utc(2024, 1, 8, 14, 30), date(2024, 1, 9)),
        (utc(2024, 1, 5, 22), date(2024, 1, 8)),
        (utc(2018, 12, 4, 22), date(2018, 12, 6)),
    ],
)
def test_a_session_that_opens_now_is_no_longer_to_open(as_of, session):
    assert load().next_to_open(as_of) == session


def test_the_opening_follows_daylight_saving_time():
    assert load().opens_at(date(2024, 3, 8)) == utc(2024, 3, 8, 14, 30)
    assert load().opens_at(date(2024, 3, 11)) == utc(2024, 3, 11, 13, 30)
    assert load().opens_at(date(2024, 3, 11)).utcoffset() == timedelta(0)


def test_a_day_without_a_session_has_no_opening():
    with pytest.raises(KeyError):
        load().opens_at(date(2024, 1, 6))


def test_before_the_first_session_there_is_no_last_one():
    with pytest.raises(UsageError, match=r"XNYS.*1899"):
        load().last_closed(utc(1899, 1, 1))


def test_times_with_another_offset_mean_the_same_moment():
    closing = datetime(2024, 1, 8, 16, tzinfo=ZoneInfo("America/New_York"))
    assert load().last_closed(closing) == date(2024, 1, 8)
    assert load().last_closed(closing - timedelta(seconds=1)) == date(2024, 1, 5)


@given(st.integers(0, 5800 * 24 * 60).map(lambda minutes: utc(2010, 1, 4, 23) + timedelta(minutes=minutes)))
def test_the_last_closed_session_has_closed_and_the_next_to_open_has_not_opened(as_of):
    calendar = load()
    closed, coming = calendar.last_closed(as_of), calendar.next_to_open(as_of)
    closes, opens = calendar.table["closes"], calendar.table["opens"]
    assert closes[pd.Timestamp(closed)] <= as_of < closes[pd.Timestamp(calendar.next_session(closed))]
    assert opens[pd.Timestamp(coming)] > as_of
    assert (opens[: pd.Timestamp(coming)].iloc[:-1] <= as_of).all()
    # a session may be open now; never more than one lies between
    assert coming in (calendar.next_session(closed), calendar.next_session(calendar.next_session(closed)))


def test_tokyo_and_hong_kong_have_their_own_days_and_hours():
    tokyo, hong_kong = load("XTKS"), load("XHKG")
    assert tokyo.next_session(date(2023, 12, 29)) == date(2024, 1, 4)
    assert tokyo.opens_at(date(2024, 1, 4)) == utc(2024, 1, 4, 0, 0)
    assert tokyo.last_closed(utc(2024, 1, 4, 5, 59)) == date(2023, 12, 29)
    assert tokyo.last_closed(utc(2024, 1, 4, 6, 0)) == date(2024, 1, 4)
    assert hong_kong.next_session(date(2024, 2, 9)) == date(2024, 2, 14)  # Lunar New Year
    assert hong_kong.opens_at(date(2024, 2, 14)) == utc(2024, 2, 14, 1, 30)
    assert hong_kong.last_closed(utc(2024, 2, 9, 4, 0)) == date(2024, 2, 9)  # half a day on its eve


def test_crypto_trades_every_day_around_the_clock():
    calendar = load("24/7")
    assert len(calendar.sessions(date(2024, 1, 1), date(2024, 12, 31))) == 366
    assert calendar.next_session(date(2024, 1, 5)) == date(2024, 1, 6)
    assert calendar.opens_at(date(2024, 12, 25)) == utc(2024, 12, 25)
    assert calendar.last_closed(utc(2024, 1, 7)) == date(2024, 1, 6)
    assert calendar.last_closed(utc(2024, 1, 6, 23, 59, 59)) == date(2024, 1, 5)


def test_a_calendar_reaches_a_year_beyond_the_moment_asked_about():
    calendar = calendar_at("XNYS", datetime(2024, 12, 31, 23, 30, tzinfo=ZoneInfo("America/New_York")))
    assert calendar.table.index[-1] >= pd.Timestamp("2026-01-01")
    assert calendar.next_session(date(2024, 12, 31)) == date(2025, 1, 2)


def test_loading_a_calendar_again_costs_nothing():
    assert load() is load()


def test_an_unknown_calendar_is_named():
    with pytest.raises(UnknownCalendarError, match=r"'XMARS'.*XNYS"):
        load("XMARS")
