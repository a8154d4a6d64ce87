"""Sessions and closures that a calendar does not know: several tickers of an exchange show them, one does not."""

from datetime import date, timedelta

import pytest
from nights import on_both_databases
from sqlalchemy import text

from stockrnn.market.calendars import load_calendar
from stockrnn.market.symbols import look_up_calendar
from stockrnn.sources.registry import get_source
from stockrnn.sources.simulated import simulate_bars
from stockrnn.steps.due import find_due
from stockrnn.steps.exchange_sessions import believe_source
from stockrnn.steps.run import Run
from stockrnn.store.engine import reading
from stockrnn.types import BAR_COLUMNS

FRIDAY, SUNDAY, WEDNESDAY = date(2024, 6, 7), date(2024, 6, 9), date(2024, 6, 12)
JAKARTA, MUMBAI = ("AAAA.JK", "BBBB.JK", "CCCC.JK"), ("AAAA.NS", "BBBB.BO", "CCCC.NS")


class Exchange:
    """An exchange whose own calendar differs from the one that is known, night by night."""

    def __init__(self, batch, tickers, *, closures=(), sessions=(), late=()):
        self.batch, self.tickers = batch, tickers
        self.known = load_calendar(look_up_calendar(tickers[0]), through_year=2026)
        self.true = self.known.with_changes(closures=closures, sessions=sessions)
        for ticker in tickers:
            days = self.true.sessions(date(2024, 1, 2), date(2024, 6, 28))
            if ticker in late:
                days = days.drop(list(map(str, closures or sessions)))
            bars = simulate_bars(ticker, days)
            batch.yahoo.list(ticker, bars[list(BAR_COLUMNS)], calendar=self.true, timezone=self.true.timezone)

    def at(self, day, *, hours=5):
        """Some hours after the usual close of a day."""
        return self.known.closes_at(FRIDAY) + timedelta(days=(day - FRIDAY).days, hours=hours)

    def run(self, now):
        return Run(settings=self.batch.settings, engine=self.batch.engine, as_of=now, now=now)

    def night(self, day, *, tickers=None):
        """Update all tickers, look at their exchange, and update once more whose days became sessions."""
        chosen, now = tickers or self.tickers, self.at(day)
        self.batch.update(now, *chosen)
        believed = believe_source(self.run(now), chosen)
        if believed.again:
            self.batch.update(now, *believed.again)
        return believed

    def read(self, statement):
        with reading(self.batch.engine) as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def issues(self):
        return self.read("select ticker, session, kind from price_issues where resolved_at is null order by 1, 2")

    def behind(self, day, *, ticker=0):
        return self.run(self.at(day)).history(self.tickers[ticker]).sessions_behind


@pytest.fixture(params=[JAKARTA, pytest.param(MUMBAI, marks=pytest.mark.exhaustive)], ids=["jakarta", "mumbai"])
def tickers(request):
    return request.param


def test_a_session_that_several_tickers_show_is_believed_said_and_stored_in_the_same_night(batch, tickers):
    exchange = Exchange(batch, tickers, sessions=[SUNDAY])
    exchange.night(FRIDAY)
    believed = exchange.night(date(2024, 6, 10))
    (words,) = believed.words
    assert f"has no session on Sunday {SUNDAY}, but 3 of its tickers were traded: taken as a session" in words
    assert set(believed.again) == set(tickers)
    assert exchange.issues() == []
    assert len(exchange.read(f"select * from prices where session = '{SUNDAY}'")) == 3
    assert exchange.night(date(2024, 6, 11)).words == ()
    assert exchange.run(exchange.at(date(2024, 6, 11))).calendar(tickers[0]).next_session(FRIDAY) == SUNDAY


@pytest.mark.exhaustive
def test_a_bar_on_a_sunday_of_one_ticker_alone_stays_quarantined(batch, tickers):
    exchange = Exchange(batch, tickers, sessions=[SUNDAY], late=tickers[1:])
    exchange.night(FRIDAY)
    assert exchange.night(date(2024, 6, 10)).words == ()
    assert [issue[0::2] for issue in exchange.issues()] == [(tickers[0], "not_a_session")]


@on_both_databases
def test_a_session_of_which_no_ticker_has_a_bar_is_a_closure_for_now_and_for_sure_once_later_bars_come(
    batch, tickers
):
    exchange = Exchange(batch, tickers, closures=[WEDNESDAY])
    exchange.night(date(2024, 6, 11))
    (words,) = exchange.night(WEDNESDAY).words
    assert words.startswith(f"no bar of {WEDNESDAY} for any of the 3 tickers of")
    assert words.endswith("taken as a closure until one comes")
    assert exchange.behind(WEDNESDAY) == 0  # no stale prices
    assert exchange.issues() == []
    (later,) = exchange.night(date(2024, 6, 13)).words
    assert later.endswith("taken as a closure")
    assert exchange.night(date(2024, 6, 14)).words == ()
    assert exchange.issues() == []
    assert [row[0] for row in exchange.read("select kind from calendar_changes where confirmed")] == ["closure"]


@pytest.mark.exhaustive
def test_while_a_closure_is_not_sure_its_tickers_stay_due(batch, tickers):
    exchange = Exchange(batch, tickers, closures=[WEDNESDAY])
    for day in (date(2024, 6, 11), WEDNESDAY):
        exchange.night(day)
    due = find_due(exchange.run(exchange.at(WEDNESDAY)), tickers, ["tutorial"], source=get_source("yahoo"))
    assert set(due.tickers) == set(tickers)


@pytest.mark.exhaustive
def test_bars_that_were_only_late_end_the_closure_and_none_is_quarantined(batch, tickers):
    exchange = Exchange(batch, tickers)
    exchange.night(date(2024, 6, 11))
    for ticker in tickers:
        exchange.batch.yahoo.hide(ticker, session=WEDNESDAY, until=exchange.at(WEDNESDAY, hours=8))
    assert len(exchange.night(WEDNESDAY).words) == 1
    (words,) = exchange.night(date(2024, 6, 13)).words
    assert words.startswith(f"{WEDNESDAY} was a session of")
    assert exchange.read("select * from calendar_changes") == []
    assert len(exchange.read(f"select * from prices where session = '{WEDNESDAY}'")) == 3
    assert exchange.issues() == []


@pytest.mark.exhaustive
def test_a_bar_that_one_ticker_alone_lacks_is_missing_as_ever(batch, tickers):
    exchange = Exchange(batch, tickers, closures=[WEDNESDAY])
    exchange.night(date(2024, 6, 11), tickers=tickers[:1])
    for day in (WEDNESDAY, date(2024, 6, 13)):
        assert exchange.night(day, tickers=tickers[:1]).words == ()
    assert [issue[0::2] for issue in exchange.issues()] == [(tickers[0], "missing_session")]
