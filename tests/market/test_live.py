from datetime import UTC, date, datetime

import exchange_calendars as xc
import pandas as pd
import pytest

from stockrnn.market.calendars import load_calendar
from stockrnn.market.live import can_be_live, live_until
from stockrnn.types import CONTINUOUS_CALENDARS


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def until(name: str, cutoff: str, session: str, *, target="close", settle_hours=4) -> datetime:
    calendar = load_calendar(name, through_year=2026)
    days = {"cutoff": date.fromisoformat(cutoff), "session": date.fromisoformat(session)}
    return live_until(calendar, **days, target=target, settle_hours=settle_hours)


def test_a_forecast_of_the_close_of_an_exchange_is_live_until_the_session_opens():
    assert until("XNYS", "2025-01-03", "2025-01-06") == at("2025-01-06T14:30")


def test_around_the_clock_a_forecast_of_the_close_is_live_until_two_hours_after_the_bar_has_settled():
    assert until("24/7", "2025-01-03", "2025-01-04") == at("2025-01-04T06:00")
    assert until("24/5", "2025-01-07", "2025-01-08") == at("2025-01-08T06:00")
    assert until("CMES", "2025-01-07", "2025-01-08") == at("2025-01-08T05:00")


def test_over_a_weekend_the_bar_settles_before_the_session_opens_and_nothing_softens():
    assert until("24/5", "2025-01-03", "2025-01-06") == at("2025-01-06T00:00")
    assert until("CMES", "2025-01-03", "2025-01-06") == at("2025-01-05T23:00")


def test_no_forecast_is_live_later_than_half_a_day_after_the_opening_however_long_bars_take_to_settle():
    assert until("24/7", "2025-01-03", "2025-01-04", settle_hours=30) == at("2025-01-04T12:00")


@pytest.mark.parametrize("target", ["open", "high", "low", "adj_close"])
def test_no_other_target_softens(target):
    calendar = load_calendar("24/7", through_year=2026)
    assert until("24/7", "2025-01-03", "2025-01-04", target=target) == at("2025-01-04T00:00")
    assert not can_be_live(calendar, target)
    assert can_be_live(calendar, "close")
    assert can_be_live(load_calendar("XNYS", through_year=2026), target)


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore")
def test_continuous_are_all_the_calendars_of_which_most_sessions_open_as_the_last_one_ends():
    span = {"start": pd.Timestamp("2025-01-02"), "end": pd.Timestamp("2025-12-30")}
    calendars = [xc.get_calendar(name, **span) for name in xc.get_calendar_names(include_aliases=False)]
    found = {
        one.name
        for one in calendars
        if (pd.DatetimeIndex(one.opens)[1:] <= pd.DatetimeIndex(one.closes)[:-1]).mean() > 0.5
    }
    assert found == set(CONTINUOUS_CALENDARS)
