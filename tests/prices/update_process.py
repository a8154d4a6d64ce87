"""Updates in processes of their own, to be run at the same time or killed.

    python update_process.py PORT SETTINGS

Imports everything once. Then each line of standard input, `TIME TICKER...`, starts a child that updates the tickers;
its process id is written to standard output, and `done` when it has ended, well or not.
"""

import os
import sys
from datetime import datetime
from pathlib import Path
from threading import Thread

import exchange_calendars  # noqa: F401  # imported before the children are made
import yfinance  # noqa: F401
from loopback import make_session_class

from stockrnn.market.calendars import load_calendar
from stockrnn.settings import Settings
from stockrnn.sources.yahoo import SOURCE
from stockrnn.sources.yahoo import session as yahoo_session
from stockrnn.sources.yahoo.client import YahooClient
from stockrnn.steps.feed import Feed
from stockrnn.steps.run import Run
from stockrnn.store.migrate import open_store


def update(port: int, settings: Settings, now: datetime, tickers: list[str]) -> None:
    yahoo_session.YahooSession = make_session_class(port, yahoo_session.YahooSession)
    client = YahooClient(cache=settings.home / f"yfinance {os.getpid()}", requests_per_second=1e6)
    engine = open_store(settings)
    feed = Feed(SOURCE, client.fetch)
    for ticker in tickers:
        job = Run(settings=settings, engine=engine, as_of=now, now=now).job(ticker, "tutorial")
        feed.update(job)
    feed.close()


def main() -> None:
    port, settings = int(sys.argv[1]), Settings.model_validate_json(Path(sys.argv[2]).read_text())
    load_calendar("XNYS", through_year=2026)
    _say("ready")
    for line in sys.stdin:
        now, *tickers = line.split()
        child = os.fork()
        if child == 0:
            update(port, settings, datetime.fromisoformat(now), tickers)
            os._exit(0)
        _say(f"{child}")
        Thread(target=_report, args=[child]).start()


def _report(child: int) -> None:
    _, status = os.waitpid(child, 0)
    _say(f"done {child} {status}")


def _say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())  # whole: `print` of two threads can mix their lines


if __name__ == "__main__":
    main()
