"""A fortnight of nights by the shipped schedule: every session of every market is forecast live."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
import yaml
from inline import walk_night
from loopback import make_session_class
from prefect.server.schemas.schedules import CronSchedule
from sqlalchemy import text
from tiny_model import ENTRY, TinySpec
from yahoo_server import FakeYahoo

from flows.automations import deployments_folder
from stockrnn.market.calendars import load_calendar
from stockrnn.market.symbols import look_up_calendar
from stockrnn.models.registry import KINDS
from stockrnn.settings import Settings
from stockrnn.sources.registry import get_source
from stockrnn.sources.simulated import simulate_bars
from stockrnn.sources.yahoo import session as yahoo_session
from stockrnn.steps.due import find_due
from stockrnn.steps.run import Run
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store

TICKERS = ("META", "7203.T", "0700.HK", "VOD.L", "PETR4.SA", "BHP.AX", "EURUSD=X", "BTC-USD")
DAYS = timedelta(days=14)
# ahead of the clock of the database, which so takes forecasts as live that are issued in time
WINTER, CLOCK_CHANGE = datetime(2040, 1, 9, tzinfo=UTC), datetime(2040, 3, 5, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setitem(KINDS, "tiny", ENTRY)
    specs = {"tiny": TinySpec(every="month")}
    return Settings(
        home=tmp_path, target="close", tickers=TICKERS, specs=specs, spec="tiny", requests_per_second=1_000_000
    )


def read_hours(first):
    """Return the times of the nights from the first one on, by the file of the deployments."""
    document = yaml.safe_load((deployments_folder() / "prefect.yaml").read_text(encoding="utf-8"))
    (schedule,) = next(one for one in document["deployments"] if one["name"] == "nightly")["schedules"]
    assert schedule["parameters"] == {"due_only": True}
    cron = CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
    dates = asyncio.run(cron.get_dates(n=24 * DAYS.days, start=first))
    plain = [datetime.fromtimestamp(moment.timestamp(), UTC) for moment in dates]
    return [moment for moment in plain if moment < first + DAYS]


def run_hourly(settings, engine, yahoo, hours):
    for now in hours:
        yahoo.now = now
        run = Run(settings=settings, engine=engine, as_of=now, now=now)
        due = find_due(run, TICKERS, ["tiny"], source=get_source("yahoo")).tickers
        if due:
            night = walk_night(settings, engine, now, due, specs=["tiny"], source="yahoo", pictures=False)
            assert not night.failed, night.failures


def read_live(engine):
    query = text(
        "select ticker, target_session, (julianday(issued_at) - julianday(target_opens_at)) * 24 "
        "from forecasts where kind = 'live' order by ticker, target_session"
    )
    with reading(engine) as connection:
        return [(ticker, date.fromisoformat(day), hours) for ticker, day, hours in connection.execute(query)]


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("first", [WINTER, CLOCK_CHANGE], ids=["winter", "clock_change"])
def test_a_fortnight_by_the_schedule_gives_a_live_forecast_of_every_session_from_the_second_on(
    settings, monkeypatch, pytestconfig, first
):
    if first == WINTER and not pytestconfig.getoption("--all-nights"):
        pytest.skip("the fortnight in which clocks change is enough each time; run with --all-nights")
    engine = open_store(settings)
    calendars = {ticker: load_calendar(look_up_calendar(ticker), through_year=first.year + 2) for ticker in TICKERS}
    with FakeYahoo(now=first) as yahoo:
        monkeypatch.setattr(yahoo_session, "YahooSession", make_session_class(yahoo.port, yahoo_session.YahooSession))
        for ticker, calendar in calendars.items():
            sessions = calendar.sessions(date(first.year - 1, 3, 1), (first + DAYS * 2).date())
            yahoo.list(ticker, simulate_bars(ticker, sessions), calendar=calendar, timezone=calendar.timezone)
        run_hourly(settings, engine, yahoo, read_hours(first))
    live = read_live(engine)
    print(f"\n{'ticker':10}{'sessions':>9}{'live':>6}{'hours after open, first':>25}{'last':>8}")
    for ticker, calendar in calendars.items():
        opened = [
            session.date()
            for session in calendar.sessions(first.date(), (first + DAYS).date())
            if first <= calendar.opens_at(session.date()) < first + DAYS - timedelta(days=1)
        ]
        found = {day: hours for name, day, hours in live if name == ticker}
        within = [found[day] for day in opened if day in found]
        print(f"{ticker:10}{len(opened):9}{len(within):6}{min(within):25.1f}{max(within):8.1f}")
        assert set(opened[1:]) <= set(found), (ticker, set(opened[1:]) - set(found))
        assert (max(within) < 6) if calendar.is_continuous else (max(within) < 0)
