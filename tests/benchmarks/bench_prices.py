"""What 500 tickers of 11 years cost, loaded from files and updated from a loopback Yahoo: printed, not asserted."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from nights import NEW_YORK, night
from yahoo_server import FakeYahoo

from stockrnn.models.registry import nightly_specs
from stockrnn.settings import Settings
from stockrnn.sources.simulated import simulate_bars
from stockrnn.store.engine import writing
from stockrnn.store.migrate import open_store
from stockrnn.store.schema import forecasts, models

TICKERS = 500
FIRST, LAST = date(2014, 1, 2), date(2024, 12, 31)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """500 files of 2,768 sessions each, as Yahoo exports them."""
    made = tmp_path_factory.mktemp("files")
    sessions = NEW_YORK.sessions(FIRST, LAST)
    for number in range(TICKERS):
        frame = simulate_bars(f"T{number:03}", sessions)
        frame.columns = [name.replace("_", " ").title() for name in frame.columns]
        frame.rename_axis("Date").to_csv(made / f"T{number:03}.csv")
    return made


MEMORY = """
import atexit, resource
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
"""


def _run(script: str, *words: object, **variables: str) -> tuple[float, float, str]:
    """Run a script in a process of its own; seconds, most memory in MB, and what it printed."""
    tests = str(Path(__file__).parents[1])
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEMORY + script, *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | variables | {"PYTHONPATH": tests},
    )
    return time.perf_counter() - started, float(done.stdout.splitlines()[-1]), done.stdout


IMPORT = """
import sys
from stockrnn.cli import main
sys.argv = ["stockrnn", "prices", "import", *sys.argv[1:]]
main()
"""
TO_SQL = """
import sys
import pandas as pd
from sqlalchemy import create_engine
engine = create_engine(f"sqlite:///{sys.argv[1]}")
for path in sys.argv[2:]:
    frame = pd.read_csv(path, parse_dates=["Date"]).assign(ticker=path[-8:-4])
    frame.to_sql("prices", engine, if_exists="append", index=False)
"""
UPDATE = """
import sys
from loopback import make_session_class
from stockrnn.sources.yahoo import session as yahoo_session
yahoo_session.YahooSession = make_session_class(int(sys.argv[1]), yahoo_session.YahooSession)
from stockrnn.cli import main
sys.argv = ["stockrnn", "prices", "update", "--as-of", sys.argv[2]]
main()
"""

HOURLY = """
import sys
from stockrnn.cli import main
sys.argv = ["stockrnn", "nightly", "--due", "--as-of", sys.argv[1]]
main()
"""


def _forecast_all(home: Path) -> None:
    """Store a forecast from the last session of every ticker and nightly spec, so that none is due."""
    settings = Settings(home=home)
    engine = open_store(settings)
    following = NEW_YORK.next_session(LAST)
    opens_at = NEW_YORK.opens_at(following)
    model = {
        "model_id": "m", "spec": "quantile", "market": "real", "target": "open", "lookback": 5, "trained_from": FIRST,
        "cutoff": LAST, "seed": 0, "epochs": 1, "loss": 0.0, "windows": 1, "weights": b"", "weights_sha256": "",
        "config": {}, "data_sha256": "", "versions": {}, "trained_at": night(LAST), "train_seconds": 0.0,
    }  # fmt: skip
    prices = dict.fromkeys(("predicted", "naive", "last_close", "drift", "moving_average"), 1.0)
    rows = [
        {
            "forecast_id": f"{number} {spec}", "ticker": f"T{number:03}", "target": "open", "spec": spec,
            "cutoff": LAST, "kind": "hindcast", "target_session": following, "target_opens_at": opens_at,
            "live_until": opens_at, "model_id": "m", "issued_at": night(LAST), "window_sha256": "", **prices,
        }
        for number in range(TICKERS)
        for spec in nightly_specs(settings)
    ]  # fmt: skip
    with writing(engine) as connection:
        connection.execute(models.insert(), model)
        connection.execute(forecasts.insert(), rows)
    engine.dispose()


def test_the_load_of_500_tickers_and_an_update_in_which_nothing_changes(folder, tmp_path):
    files = sorted(folder.glob("*.csv"))
    home = {"STOCKRNN_HOME": str(tmp_path / "home"), "STOCKRNN_REQUESTS_PER_SECOND": "1000000"}
    seconds, memory, _ = _run(IMPORT, *files, **home)
    with closing(sqlite3.connect(tmp_path / "home" / "stockrnn.db")) as connection:
        (count,) = connection.execute("select count(*) from prices").fetchone()
    print(f"\n{TICKERS} tickers, {FIRST} to {LAST}, SQLite         seconds   memory MB      bars")
    print(f"{'stockrnn prices import':44}{seconds:9.1f}{memory:12.0f}{count:10}")
    seconds, memory, _ = _run(TO_SQL, tmp_path / "plain.db", *files)
    print(f"{'pandas.read_csv and to_sql, no checks':44}{seconds:9.1f}{memory:12.0f}{count:10}")
    with FakeYahoo(now=night(LAST)) as yahoo:
        sessions = NEW_YORK.sessions(FIRST, LAST)
        for number in range(TICKERS):
            yahoo.list(f"T{number:03}", simulate_bars(f"T{number:03}", sessions), calendar=NEW_YORK)
        seconds, memory, printed = _run(UPDATE, yahoo.port, night(LAST).isoformat(), **home)
        asked = len(yahoo.charts)
    unchanged = printed.count("0 sessions new, 0 revised, 0 rows quarantined")
    print(f"{'update, nothing changed':44}{seconds:9.1f}{memory:12.0f}   {unchanged} tickers, {asked} requests")
    _forecast_all(tmp_path / "home")
    seconds, memory, printed = _run(HOURLY, night(LAST).isoformat(), **home)
    print(f"{'nightly --due, nothing due':44}{seconds:9.1f}{memory:12.0f}   printed: {printed.splitlines()[:-1]}")
    assert np.all([count == TICKERS * len(sessions), unchanged == TICKERS, asked == TICKERS])
