"""Every calendar that a symbol can tell, where it knows the sessions and where it does not."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import exchange_calendars as xc
import pandas as pd
import pytest
from known_calendars import ENDED, KNOWN_CALENDARS, check_hours, check_live

from stockrnn.errors import BrokenCalendarError, UnknownCalendarError
from stockrnn.market import calendars
from stockrnn.market.calendars import calendar_at, load_calendar
from stockrnn.settings import Settings
from stockrnn.steps.exchange import explain_ends, load_exchange

COUNTS = Path(__file__).with_name("sessions_per_year.csv")
"""Recorded with exchange-calendars 4.13 and pandas 3.0."""
CRITICAL = ("ASEX", "XBOM", "XNYS")


def read_counts():
    with COUNTS.open(encoding="utf-8") as file:
        return {row.pop("calendar"): row for row in csv.DictReader(file)}


def count_sessions(name):
    calendar = calendar_at(name, ENDED)
    years = {str(year): (date(year, 1, 1), date(year, 12, 31)) for year in range(2015, 2026)}
    inside = {
        year: calendar.known_from <= first and last <= calendar.known_through for year, (first, last) in years.items()
    }
    return {year: str(len(calendar.known_sessions(*span))) if inside[year] else "" for year, span in years.items()}


@pytest.mark.parametrize("name", CRITICAL)
def test_the_calendars_that_a_new_pandas_broke_have_the_sessions_of_past_years(name):
    assert count_sessions(name) == read_counts()[name]


def test_bombay_has_its_saturdays():
    sessions = load_calendar("XBOM", through_year=2026).sessions(date(2024, 1, 1), date(2025, 12, 31))
    assert {pd.Timestamp("2024-01-20"), pd.Timestamp("2025-02-01")} <= set(sessions)


def check_beyond(name, now):
    """Ask a calendar everything at a time, wherever it ends."""
    calendar = calendar_at(name, now)
    last, following = calendar.last_closed(now), calendar.next_to_open(now)
    assert calendar.closes_at(last) <= now < calendar.opens_at(following), name
    assert now.date() - last <= timedelta(days=12), name
    assert following - now.date() <= timedelta(days=12), name
    assert calendar.next_session(last) > last, name
    assert calendar.session_offset(last, 5) > calendar.session_offset(last, -5), name
    assert calendar.is_assumed(following) != (calendar.known_from <= following <= calendar.known_through), name
    table = calendar.table
    assert table.index.is_monotonic_increasing, name
    assert table.index.is_unique, name
    assert (table["opens"] < table["closes"]).all(), name


@pytest.mark.parametrize("name", ["XSHG", "XNYS"])
def test_a_calendar_answers_beyond_its_end(name):
    for now in (datetime(1950, 6, 1, tzinfo=UTC), ENDED, datetime(2030, 6, 1, 12, tzinfo=UTC)):
        check_beyond(name, now)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_every_calendar_has_the_sessions_of_past_years_answers_beyond_its_end_and_leaves_hours_for_a_night(
    pytestconfig,
):
    recorded = read_counts()
    assert sorted(recorded) == KNOWN_CALENDARS
    # every sixth is enough each time; --all-nights takes them all
    step = 1 if pytestconfig.getoption("--all-nights") else 6
    for name, counts in list(recorded.items())[::step]:
        assert count_sessions(name) == counts, name
        check_beyond(name, ENDED)
        check_hours(name)
        check_live(name)


def test_after_the_end_sessions_follow_the_weeks_at_the_usual_hours_and_are_marked():
    shanghai = calendar_at("XSHG", ENDED)
    assert shanghai.known_through == date(2026, 12, 31)
    (day,) = shanghai.sessions(date(2027, 1, 5), date(2027, 1, 5))
    assert shanghai.opens_at(day.date()) == datetime(2027, 1, 5, 1, 30, tzinfo=UTC)
    assert shanghai.closes_at(day.date()) == datetime(2027, 1, 5, 7, 0, tzinfo=UTC)
    assert len(shanghai.sessions(date(2027, 1, 4), date(2027, 1, 10))) == 5
    assert shanghai.is_assumed(day.date())
    assert shanghai.known_sessions(date(2027, 1, 1), date(2027, 3, 1)).empty  # no bar has to be there
    assert not shanghai.is_assumed(date(2026, 12, 31))


def test_before_its_first_day_riyadh_has_the_weeks_of_today_and_those_that_bars_show():
    riyadh = calendar_at("XSAU", ENDED)
    assert riyadh.known_from == date(2021, 1, 1)
    sunday, saturday = pd.Timestamp("2018-01-07"), pd.Timestamp("2012-01-07")
    assert sunday in riyadh.table.index
    assert saturday not in riyadh.table.index
    shown = pd.date_range(saturday, periods=10, freq="7D")  # Saturday was a day of trade until 2013
    assert saturday in riyadh.with_unknown_past(shown).table.index
    assert saturday not in riyadh.with_unknown_past(shown[:9]).table.index
    known = pd.date_range("2022-01-01", periods=20, freq="7D")  # what it knows it knows
    assert pd.Timestamp("2022-01-01") not in riyadh.with_unknown_past(known).table.index


def test_the_end_of_a_calendar_is_said_sixty_days_ahead_with_its_tickers_and_afterwards():
    end = datetime(2026, 12, 31, tzinfo=UTC)
    for days, said in ((-90, False), (-61, False), (-60, True), (0, True), (400, True)):
        now = end + timedelta(days=days)
        found = [
            (ticker, calendar_at(name, now))
            for ticker, name in (("A.SS", "XSHG"), ("META", "XNYS"), ("B.SZ", "XSHG"))
        ]
        words = explain_ends(found, now=now)
        expected = "calendar XSHG ends on 2026-12-31; update exchange-calendars (of A.SS, B.SZ)"
        assert [one.startswith(expected) for one in words] == ([True] if said else []), days


def test_a_night_of_the_past_says_nothing_of_an_end_that_it_only_did_not_look_beyond():
    then, now = datetime(2012, 3, 30, 22, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC)
    for name in ("XNYS", "XSHG", "24/7"):
        assert explain_ends([("A", calendar_at(name, then))], now=now) == ()


def test_closures_and_sessions_that_a_calendar_does_not_know_stand_in_the_settings():
    settings = Settings(
        extra_closures={"XIDX": ("2026-12-24",)}, extra_sessions={"XBOM": ("2026-02-01",), "XSHG": ("2027-02-06",)}
    )
    jakarta = load_exchange(settings, "XIDX", as_of=ENDED)
    assert jakarta.next_session(date(2026, 12, 23)) > date(2026, 12, 24)
    bombay = load_exchange(settings, "XBOM", as_of=ENDED)
    assert bombay.next_session(date(2026, 1, 30)) == date(2026, 2, 1)  # the budget, on a Sunday
    assert bombay.opens_at(date(2026, 2, 1)) == datetime(2026, 2, 1, 3, 45, tzinfo=UTC)
    assert pd.Timestamp("2027-02-06") in load_exchange(settings, "XSHG", as_of=ENDED).table.index
    assert load_exchange(settings, "XNYS", as_of=ENDED) is calendar_at("XNYS", ENDED)


def test_changes_of_a_calendar_that_does_not_exist_are_refused():
    settings = Settings(extra_closures={"XNOPE": ("2026-12-24",)})
    with pytest.raises(UnknownCalendarError, match=r"extra_closures or extra_sessions .* no calendar XNOPE"):
        load_exchange(settings, "XNYS", as_of=ENDED)


def test_a_calendar_that_its_package_can_not_load_is_one_line(monkeypatch):
    def refuse(*_args, **_options):
        raise TypeError("cannot subtract\nDatetimeArray from " + "x" * 500)

    monkeypatch.setattr(xc, "get_calendar", refuse)
    with pytest.raises(BrokenCalendarError, match="calendar XTAE can't be loaded") as error:
        calendars.load_calendar.__wrapped__("XTAE", through_year=2027)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 300
