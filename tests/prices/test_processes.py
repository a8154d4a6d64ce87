"""Updates that are killed, and updates that run at the same time, in real processes on either database."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from nights import list_simulated, night, read_all

TICKERS = ("AAPL", "META", "MSFT", "NVDA")
TABLES = ("instruments", "prices", "price_revisions", "price_issues", "corporate_actions", "action_revisions")
KILLS = 12


class Updater:
    """A process whose children update a store."""

    def __init__(self, port, settings, folder):
        values = settings.model_dump(mode="json")
        if settings.database_url is not None:
            values["database_url"] = settings.database_url.get_secret_value()
        path = folder / f"settings {port}.json"
        path.write_text(json.dumps(values))
        script = Path(__file__).with_name("update_process.py")
        # before what is installed: this checkout
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(script.parents[at]) for at in (1, 2))}
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(port), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._line() == ["ready"]

    def start(self, now, *tickers):
        """Start an update; return its process id."""
        self._process.stdin.write(" ".join([now.isoformat(), *tickers]) + "\n")
        self._process.stdin.flush()
        return int(self._line()[0])

    def wait(self):
        """Wait until a child ends; return its id and wait status."""
        word, child, status = self._line()
        assert word == "done"
        return int(child), int(status)

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def _line(self):
        return self._process.stdout.readline().split()


@pytest.fixture
def updater(batch, tmp_path):
    made = Updater(batch.yahoo.port, batch.settings, tmp_path)
    yield made
    made.close()


def by_ticker(engine):
    """Everything stored, apart for each ticker."""
    rows = read_all(engine, *TABLES)
    return {ticker: {name: [row for row in rows[name] if row[0] == ticker] for name in TABLES} for ticker in TICKERS}


@pytest.mark.exhaustive
@pytest.mark.slow
def test_an_update_killed_at_any_moment_leaves_each_ticker_wholly_before_or_wholly_after(batch, updater):
    for ticker in TICKERS:
        sessions = list_simulated(batch.yahoo, ticker)
    batch.update(night(sessions[99]), *TICKERS)
    took, killed = 0.3, 0
    dice = np.random.default_rng(0)
    for count, session in enumerate(sessions[100 : 100 + KILLS]):
        for ticker in TICKERS[:: 1 + count % 2]:
            if count % 3 == 1:
                batch.yahoo.split(ticker, ex_date=session.date(), ratio=2.0)
            elif count % 3 == 2:
                batch.yahoo.dividend(ticker, ex_date=session.date(), amount=1.0)
        batch.yahoo.now = night(session)
        before = by_ticker(batch.engine)
        child = updater.start(night(session), *TICKERS)
        time.sleep(dice.uniform(0, took))
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        killed += updater.wait() == (child, signal.SIGKILL)
        torn = by_ticker(batch.engine)
        started = time.perf_counter()
        updater.start(night(session), *TICKERS)
        assert updater.wait()[1] == 0
        took = time.perf_counter() - started
        after = by_ticker(batch.engine)
        for ticker in TICKERS:
            assert torn[ticker] in (before[ticker], after[ticker])
            assert after[ticker] != before[ticker]
    batch.assert_equals_a_full_download(*TICKERS)
    assert killed > KILLS / 2  # the others had ended


@pytest.mark.slow
@pytest.mark.exhaustive
def test_two_updates_at_once_lose_and_double_nothing(batch, updater, make_settings, make_fresh):
    for ticker in TICKERS:
        sessions = list_simulated(batch.yahoo, ticker)
    alone = make_fresh()
    for count, session in enumerate(sessions[60:68]):
        if count == 3:
            batch.yahoo.split("META", ex_date=session.date(), ratio=4.0)
        batch.yahoo.dividend("AAPL", ex_date=session.date(), amount=1.0)
        batch.yahoo.now = night(session)
        children = {updater.start(night(session), *TICKERS), updater.start(night(session), *TICKERS)}
        ended = [updater.wait() for _ in children]
        assert {child for child, _ in ended} == children
        assert [status for _, status in ended] == [0, 0]
        batch._update(alone, TICKERS, night(session), night(session))
    assert read_all(batch.engine, *TABLES) == read_all(alone, *TABLES)
    alone.dispose()
