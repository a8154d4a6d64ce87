"""Holidays, early closes, changes of the clock, and exchanges in other parts of the world."""

from datetime import date, timedelta

import pandas as pd
import pytest
from nights import (
    at,
    closes,
    issues,
    list_simulated,
    night,
    on_both_databases,
    read_all,
    revisions,
)
from sampled import sample

from stockrnn.errors import WrongCalendarError
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_instrument


def test_a_holiday_adds_nothing_and_is_no_gap(started, sessions):
    assert date(2024, 2, 19) not in {session.date() for session in sessions}
    started.update(at("2024-02-17"), "META")
    assert closes(started.engine).index[-1] == pd.Timestamp("2024-02-16")
    for day in ("2024-02-18", "2024-02-19", "2024-02-20"):
        started.update(at(day, hour=4), "META")
    assert closes(started.engine).index[-1] == pd.Timestamp("2024-02-16")
    assert issues(started.engine) == []
    started.assert_equals_a_full_download("META")


def test_an_early_close_settles_earlier(started, sessions):
    started.update(night("2024-11-27"), "META")
    before = at("2024-11-29", hour=21, minute=59)  # closed at 13:00 in New York, 18:00 UTC
    started.update(before, "META")
    assert closes(started.engine).index[-1] == pd.Timestamp("2024-11-27")
    started.update(before + timedelta(minutes=1), "META")
    assert closes(started.engine).index[-1] == pd.Timestamp("2024-11-29")
    started.assert_equals_a_full_download("META")


def test_an_unscheduled_closure_is_no_gap(batch, yahoo):
    list_simulated(yahoo, first=date(2025, 1, 2), through=date(2025, 1, 31))
    for day in ("2025-01-08", "2025-01-10"):  # the ninth: national day of mourning
        batch.update(night(day), "META")
    assert issues(batch.engine) == []
    batch.assert_equals_a_full_download("META")


@pytest.mark.parametrize("change", ["2024-03-10", "2024-11-03"])
@pytest.mark.exhaustive
def test_a_change_of_the_clock_shifts_no_date(batch, sessions, change):
    around = sessions[(sessions >= pd.Timestamp(change) - pd.Timedelta(days=9))][:12]
    for session in around:
        batch.update(night(session), "META")
        assert closes(batch.engine).index[-1] == session
        batch.assert_equals_a_full_download("META")
    assert issues(batch.engine) == []
    assert revisions(batch.engine) == []


@on_both_databases
def test_a_ticker_of_another_exchange_keeps_its_own_dates(batch, yahoo):
    tokyo = list_simulated(
        yahoo, "7203.T", calendar="XTKS", timezone="Asia/Tokyo", first=date(2024, 1, 4), currency="JPY"
    )
    # in New York it is still the evening before when Tokyo's session of the 19th has closed and settled
    batch.update(at("2024-03-19", hour=10), "7203.T")
    assert closes(batch.engine, "7203.T").index[-1] == pd.Timestamp("2024-03-19")
    # 20 March is a holiday in Tokyo only
    batch.update(at("2024-03-20", hour=10), "7203.T")
    assert closes(batch.engine, "7203.T").index[-1] == pd.Timestamp("2024-03-19")
    for session in tokyo[(tokyo > pd.Timestamp("2024-03-19"))][:5]:
        batch.update(at(session, hour=11), "7203.T")
        assert closes(batch.engine, "7203.T").index[-1] == session
    assert issues(batch.engine, "7203.T") == []
    batch.assert_equals_a_full_download("7203.T")
    with reading(batch.engine) as connection:
        assert read_instrument(connection, "7203.T").currency == "JPY"


@pytest.mark.parametrize(
    ("ticker", "calendar", "timezone"),
    sample(
        [("0700.HK", "XHKG", "Asia/Hong_Kong"), ("BTC-USD", "24/7", "UTC"), ("SHEL.L", "XLON", "Europe/London")],
        first=1,
    ),
)
def test_other_markets_are_followed_by_their_own_calendars(batch, yahoo, ticker, calendar, timezone):
    listed = list_simulated(yahoo, ticker, calendar=calendar, timezone=timezone, first=date(2024, 3, 4))
    for session in listed[5:25]:
        batch.update(at(session + pd.Timedelta(days=1), hour=5), ticker)
        assert closes(batch.engine, ticker).index[-1] == session
    assert issues(batch.engine, ticker) == []
    batch.assert_equals_a_full_download(ticker)


def test_a_calendar_of_another_part_of_the_world_is_refused(batch, yahoo):
    list_simulated(yahoo, "TOYOTA", calendar="XTKS", timezone="Asia/Tokyo", first=date(2024, 1, 4))
    error = batch.update(at("2024-03-19", hour=12), "TOYOTA")["TOYOTA"]
    assert isinstance(error, WrongCalendarError)
    assert "America/New_York, but Yahoo says it trades in Asia/Tokyo" in str(error)
    assert read_all(batch.engine, "instruments")["instruments"] == []
    batch.settings = batch.settings.model_copy(update={"calendars": {"TOYOTA": "XTKS"}})
    assert batch.update(at("2024-03-19", hour=12), "TOYOTA")["TOYOTA"].inserted > 40
