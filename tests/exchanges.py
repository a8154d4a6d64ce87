"""An exchange whose days differ from those of the calendar that is known, walked night by night."""

from dataclasses import replace
from datetime import date, timedelta

from nights import Batch
from sqlalchemy import text

from stockrnn.errors import StockrnnError
from stockrnn.market.calendars import calendar_at, load_calendar
from stockrnn.market.symbols import look_up_calendar
from stockrnn.sources.simulated import simulate_bars
from stockrnn.sources.yahoo import SOURCE
from stockrnn.steps import exchange
from stockrnn.steps.exchange_sessions import believe_source
from stockrnn.steps.feed import Feed
from stockrnn.steps.run import Run
from stockrnn.store.engine import reading
from stockrnn.types import BAR_COLUMNS

FRIDAY, SUNDAY, WEDNESDAY = date(2024, 6, 7), date(2024, 6, 9), date(2024, 6, 12)
JAKARTA, MUMBAI = ("AAAA.JK", "BBBB.JK", "CCCC.JK"), ("AAAA.NS", "BBBB.BO", "CCCC.NS")


class Exchange:
    """An exchange whose own calendar differs from the one that is known, night by night."""

    def __init__(self, batch: Batch, tickers, *, closures=(), sessions=(), late=(), through=date(2024, 6, 28)):
        self.batch, self.tickers = batch, tickers
        self.known = load_calendar(look_up_calendar(tickers[0]), through_year=2026)
        self.true = self.known.with_changes(closures=closures, sessions=sessions)
        for ticker in tickers:
            days = self.true.sessions(date(2024, 1, 2), through)
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
        """Update all tickers, look at their exchange, and update once more whose days became sessions.

        `again` is what that gave.
        """
        chosen, run = tickers or self.tickers, self.run(self.at(day))
        self.batch.yahoo.now = run.now
        feed = Feed(SOURCE, self.batch.client.fetch)
        self._update(feed, run, chosen)
        believed = believe_source(run, chosen)
        self.again = self._update(feed, run, believed.again)
        feed.close()
        return believed

    def _update(self, feed, run, tickers):
        done = {}
        for ticker in tickers:
            try:
                done[ticker] = feed.update(run.job(ticker))
            except StockrnnError as error:
                done[ticker] = error
        return done

    def set(self, **values):
        """Change the settings."""
        self.batch.settings = self.batch.settings.model_copy(update=values)

    def end_calendar(self, last, monkeypatch):
        """Let the calendar know nothing after `last`: what it knew becomes assumed."""

        def end(name, as_of):
            return replace(calendar_at(name, as_of), known_through=last)

        monkeypatch.setattr(exchange, "calendar_at", end)

    def count_requests(self, day):
        """Return how many requests one more night sends."""
        before = len(self.batch.yahoo.charts)
        self.night(day)
        return len(self.batch.yahoo.charts) - before

    def read(self, statement):
        with reading(self.batch.engine) as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def issues(self):
        return self.read("select ticker, session, kind from price_issues where resolved_at is null order by 1, 2")

    def behind(self, day, *, ticker=0):
        return self.run(self.at(day)).history(self.tickers[ticker]).sessions_behind
