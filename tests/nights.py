"""Simulated nights of price updates, and what they leave in a store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, select
from yahoo_server import FakeYahoo

from stockrnn.errors import StockrnnError
from stockrnn.market.calendars import load_calendar
from stockrnn.settings import Settings
from stockrnn.sources.simulated import simulate_bars
from stockrnn.sources.source import Fetch, Source
from stockrnn.sources.yahoo import SOURCE
from stockrnn.sources.yahoo.client import YahooClient
from stockrnn.steps.feed import Feed
from stockrnn.steps.run import Run
from stockrnn.store.engine import reading
from stockrnn.store.prices import Written, read_bars
from stockrnn.store.schema import METADATA, corporate_actions, price_issues, price_revisions, prices
from stockrnn.types import BAR_COLUMNS

LISTED = date(2024, 1, 2)
NOTHING = Written(inserted=0, revised=0, quarantined=0)
ONE = Written(inserted=1, revised=0, quarantined=0)
NEW_YORK = load_calendar("XNYS", through_year=2026)

on_both_databases = pytest.mark.parametrize("database", ["sqlite", "postgres"])
"""Run a test on Postgres each time; without it, it does so in the exhaustive run only."""


@dataclass
class Batch:
    """A nightly batch whose clock the test steps.

    Attributes
    ----------
    pauses
        The seconds that the batch waited because Yahoo refused it.
    fallbacks
        The sources that are asked after Yahoo, and how.
    """

    settings: Settings
    engine: Engine
    yahoo: FakeYahoo
    client: YahooClient
    make_fresh: Callable[[], Engine]
    pauses: list[float] = field(default_factory=list)
    fallbacks: Sequence[tuple[Source, Fetch]] = ()

    def update(
        self, now: datetime, *tickers: str, as_of: datetime | None = None, full: bool = False
    ) -> dict[str, Written | StockrnnError]:
        """Run one update at `now`; what each ticker gave, an error where it failed."""
        self.yahoo.now = now
        return self._update(self.engine, tickers, now, as_of or now, full=full)

    def _update(self, engine, tickers, now, as_of, *, full=False):
        feed = Feed(SOURCE, self.client.fetch, fallbacks=self.fallbacks, pause=self.pauses.append)
        done = {}
        for ticker in tickers:
            job = Run(settings=self.settings, engine=engine, as_of=as_of, now=now).job(ticker, "tutorial")
            try:
                done[ticker] = feed.update(job, full=full)
            except StockrnnError as error:
                done[ticker] = error
        feed.close()
        return done

    def assert_equals_a_full_download(self, *tickers: str, rtol: float = 1e-9) -> None:
        """The prices, actions and open issues are those of a new store filled at this moment."""
        engine = self.make_fresh()
        self._update(engine, tickers, self.yahoo.now, self.yahoo.now)
        for ticker in tickers:
            compare(read_store(self.engine, ticker), read_store(engine, ticker), rtol=rtol)
        engine.dispose()


def compare(found: dict, expected: dict, *, rtol: float) -> None:
    """Compare what two stores hold of a ticker."""
    pd.testing.assert_frame_equal(found["prices"], expected["prices"], rtol=rtol)
    assert found["actions"] == expected["actions"]
    assert found["issues"] == expected["issues"]


def read_store(engine: Engine, ticker: str) -> dict:
    """Return what users see of a ticker: prices, actions and open issues."""
    with reading(engine) as connection:
        rows = connection.execute(
            select(prices.c.session, *(prices.c[name] for name in BAR_COLUMNS))
            .where(prices.c.ticker == ticker)
            .order_by(prices.c.session)
        ).all()
        actions = connection.execute(
            select(corporate_actions.c.ex_date, corporate_actions.c.kind, corporate_actions.c.value)
            .where(corporate_actions.c.ticker == ticker)
            .order_by(corporate_actions.c.ex_date, corporate_actions.c.kind)
        ).all()
        issues = connection.execute(
            select(price_issues.c.session, price_issues.c.kind)
            .where(price_issues.c.ticker == ticker, price_issues.c.resolved_at.is_(None))
            .order_by(price_issues.c.session, price_issues.c.kind)
        ).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["session", *BAR_COLUMNS]).set_index("session")
    return {
        "prices": frame.astype(np.float64),
        "actions": [(row[0], row[1], pytest.approx(row[2])) for row in actions],
        "issues": [tuple(row) for row in issues],
    }


def read_all(engine: Engine, *tables: str) -> dict[str, list[tuple]]:
    """Return every row of the tables, by their keys."""
    chosen = [METADATA.tables[name] for name in tables or METADATA.tables]
    with reading(engine) as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in chosen
        }


def revisions(engine: Engine, ticker: str = "META") -> list[tuple]:
    """Return session, close, reason and the two times of each superseded bar, oldest session first."""
    table = price_revisions
    columns = (table.c.session, table.c.close, table.c.reason, table.c.observed_at, table.c.superseded_at)
    query = select(*columns).where(table.c.ticker == ticker).order_by(table.c.superseded_at, table.c.session)
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(query)]


def issues(engine: Engine, ticker: str = "META") -> list[tuple]:
    """Return session, kind, and whether it is resolved, of every issue there ever was."""
    table = price_issues
    query = select(table.c.session, table.c.kind, table.c.resolved_at).where(table.c.ticker == ticker)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(table.c.session, table.c.kind)).all()
    return [(row[0], row[1], row[2] is not None) for row in rows]


def closes(engine: Engine, ticker: str = "META", **options) -> pd.Series:
    """Return the stored closes, index `session`."""
    with reading(engine) as connection:
        return read_bars(connection, ticker, **options)["close"]


def list_simulated(
    yahoo: FakeYahoo,
    ticker: str = "META",
    *,
    calendar: str = "XNYS",
    timezone: str = "America/New_York",
    first: date = LISTED,
    through: date = date(2024, 12, 31),
    **options,
) -> pd.DatetimeIndex:
    """List a simulated ticker; return its sessions."""
    exchange = load_calendar(calendar, through_year=2026)
    sessions = exchange.sessions(first, through)
    yahoo.list(ticker, simulate_bars(ticker, sessions), calendar=exchange, timezone=timezone, **options)
    return sessions


def at(day: str | date, hour: int = 23, minute: int = 0) -> datetime:
    """A time of a day in UTC; by default seven in the evening in New York's winter less an hour in summer."""
    return datetime.combine(date.fromisoformat(str(day)[:10]), time(hour, minute), tzinfo=UTC)


def night(session: str | date | pd.Timestamp) -> datetime:
    """Six hours after the New York close of a session: its bar is settled."""
    day = pd.Timestamp(session)
    return NEW_YORK.table["closes"][day].to_pydatetime() + timedelta(hours=6)
