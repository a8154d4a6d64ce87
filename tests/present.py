"""A loopback Yahoo or Tiingo at the present time, for what reads the clock itself: the command line and the flow."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from loopback import make_session_class
from tiingo_server import TOKEN, FakeTiingo
from yahoo_server import FakeYahoo

from stockrnn.market.calendars import load_calendar
from stockrnn.sources.simulated import simulate_bars
from stockrnn.sources.tiingo import client as tiingo_client
from stockrnn.sources.yahoo import session as yahoo_session


@contextmanager
def present_yahoo(monkeypatch: pytest.MonkeyPatch, *tickers: str) -> Iterator[SimpleNamespace]:
    """Serve tickers listed some 400 sessions ago, from now on.

    Yields
    ------
    SimpleNamespace
        `server`; `last`, the last session whose bar has settled, whatever the time of the day is; and `kind`, of a
        forecast from it.
    """
    now = datetime.now(UTC)
    calendar = load_calendar("XNYS", through_year=now.year + 2)
    last = calendar.last_settled(now, settle_hours=4)
    sessions = calendar.sessions(calendar.session_offset(last, -400), date(now.year + 1, 12, 31))
    with FakeYahoo(now=now) as server:
        for ticker in tickers:
            server.list(ticker, simulate_bars(ticker, sessions), calendar=calendar)
        session = make_session_class(server.port, yahoo_session.YahooSession)
        monkeypatch.setattr(yahoo_session, "YahooSession", session)
        monkeypatch.setenv("STOCKRNN_REQUESTS_PER_SECOND", "1000000")
        opens_at = calendar.opens_at(calendar.next_session(last))
        # four hours after a close no session has opened since, but on exchanges that hardly close
        kind = "live" if now < opens_at else "hindcast"
        yield SimpleNamespace(server=server, last=last, kind=kind, hidden_until=now + timedelta(days=30))


@contextmanager
def present_tiingo(monkeypatch: pytest.MonkeyPatch, market: FakeYahoo) -> Iterator[FakeTiingo]:
    """Serve the same market as `market` does, as Tiingo, to whoever has its token; the environment names it."""
    monkeypatch.setenv("TIINGO_API_KEY", TOKEN)
    with FakeTiingo(market) as server:
        session = make_session_class(server.port, tiingo_client.SourceSession, domain="tiingo.com")
        monkeypatch.setattr(tiingo_client, "SourceSession", session)
        yield server


def show_saturday(present: SimpleNamespace, *tickers: str) -> date:
    """Let Yahoo show that the tickers were traded on the last Saturday, of which no calendar knows; return it."""
    saturday: date = present.last - timedelta(days=(present.last.weekday() + 2) % 7)
    for ticker in tickers:
        present.server.stray(ticker, saturday, until=present.hidden_until, volume=1000.0)
    return saturday
