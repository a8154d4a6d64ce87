"""Every command of the README, run in order in an empty folder as a newcomer would; `make demo` twice."""

import hashlib
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import time
import tomllib
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from yahoo_server import FakeYahoo

from stockrnn.market.calendars import load_calendar
from stockrnn.settings import Settings
from stockrnn.sources.simulated import simulate_bars
from stockrnn.types import parse_day

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TABLES = (
    "instruments", "prices", "price_revisions", "price_issues", "models", "promotions", "forecasts",
    "backtests", "backtest_forecasts", "backtest_metrics",
)  # fmt: skip

QUICK = {
    "STOCKRNN_SPECS__TUTORIAL__EPOCHS": "1",
    "STOCKRNN_SPECS__QUANTILE__EPOCHS": "1",
    "STOCKRNN_SPECS__QUANTILE__MEMBERS": "1",
}

pytestmark = pytest.mark.slow


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


SERVE = "stockrnn serve"  # it goes on until it is stopped
COMMANDS = [line for block in _blocks("sh") for line in block.splitlines()]


STOCKRNN = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from yahoo_server import make_session_class
from stockrnn.sources.yahoo import session as yahoo_session
yahoo_session.YahooSession = make_session_class(PORT, yahoo_session.YahooSession)
from stockrnn.cli import main
if __name__ == "__main__":  # a process that trains reads this file, too
    main()
"""
"""The command as it is installed, but for Yahoo, which is on the loopback."""


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    """A folder with nothing but a CSV file, and `stockrnn` on the path."""
    folder = tmp_path_factory.mktemp("newcomer")
    calendar = load_calendar("XNYS", through_year=datetime.now(UTC).year + 2)
    bars = simulate_bars("META", calendar.sessions(parse_day("2015-01-02"), calendar.table.index[-1].date()))
    with FakeYahoo(now=datetime.now(UTC)) as yahoo:
        yahoo.list("META", bars, calendar=calendar)
        command = folder / "bin" / "stockrnn"
        command.parent.mkdir()
        command.write_text(STOCKRNN.replace("PORT", str(yahoo.port)))
        command.chmod(0o755)
        _write_file(folder, bars.loc[:"2020-01-31"])
        yield folder


def _write_file(folder, bars):
    frame = bars.copy()
    frame.columns = [name.replace("_", " ").title() for name in frame.columns]
    frame.rename_axis("Date").to_csv(folder / "META.csv")


def _run(command, folder, **variables):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("STOCKRNN_", "PREFECT_"))
    }
    environment |= {"PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
    started = time.perf_counter()
    done = subprocess.run(
        shlex.split(command), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done, time.perf_counter() - started


def _recipe(target):
    """What `make` would run last, also where these tests run inside a `make` of their own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", "-n", target]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def _digest(folder):
    """A digest of every row of every table but the log of runs."""
    with closing(sqlite3.connect(folder / "stockrnn-data" / "stockrnn.db")) as connection:
        rows = {table: connection.execute(f"select * from {table} order by 1, 2, 3").fetchall() for table in TABLES}
    return hashlib.sha256(repr(rows).encode()).hexdigest(), {table: len(rows[table]) for table in TABLES}


def test_the_demo_runs_the_whole_night_and_a_second_run_changes_no_row(newcomer):
    assert _recipe("demo") == ".venv/bin/stockrnn demo"
    first, seconds = _run("stockrnn demo", newcomer)
    assert first.returncode == 0, first.stderr
    assert "this trains 15" in first.stdout
    assert first.stdout.count(" live ") == 6
    for ticker in ("SIM-WALK", "SIM-SIGNAL", "SIM-FAT"):
        assert f"{ticker}: report stockrnn-data/reports/{ticker}.png" in first.stdout
        assert (newcomer / "stockrnn-data" / "reports" / f"{ticker}.png").exists()
    assert "Traceback" not in first.stderr
    assert seconds < 360  # three minutes on a quiet machine; this one may be busy
    before, counts = _digest(newcomer)
    assert (counts["models"], counts["forecasts"], counts["backtests"]) == (4, 6, 6)

    again, seconds = _run("stockrnn demo", newcomer)
    assert again.returncode == 0, again.stderr
    assert _digest(newcomer)[0] == before
    assert again.stderr.count("no training due") == 6
    assert seconds < 120


def test_make_test_runs_pytest():
    assert _recipe("test").startswith(".venv/bin/python -m pytest ")


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("stockrnn") and line != SERVE])
def test_every_stockrnn_command_works_in_the_order_given(newcomer, command):
    done, _ = _run(command, newcomer, **QUICK)
    # the demo's tickers have had no night since then, and status says so
    expected = 1 if command == "stockrnn status" else 0
    assert done.returncode == expected, done.stderr
    assert "Traceback" not in done.stderr


def test_the_other_commands_are_those_that_other_tests_run():
    rest = [line for line in COMMANDS if not line.startswith("stockrnn") or line == SERVE]
    assert rest[:3] == ["make demo", "make test", "pip install ."]  # the last: tests/test_packaging.py
    # tests/deployments runs a server, `serve` and a worker, and deploys as docker/compose.yaml does
    script = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]["deploy"]["command"][-1]
    make, *others = script.splitlines()
    assert rest[3:] == [
        "prefect server start",
        SERVE,
        make.split(" || ")[1],
        *others,
        "prefect worker start --pool stockrnn --type process",
    ]


def test_the_crontab_line_is_a_schedule_and_a_command_that_works(newcomer):
    (block,) = _blocks("crontab")
    zone, line = block.splitlines()
    ZoneInfo(zone.removeprefix("CRON_TZ="))
    assert re.fullmatch(r"(\S+ ){5} cd \$HOME/stockrnn && \.venv/bin/stockrnn nightly", line)
    done, _ = _run("stockrnn nightly", newcomer, **QUICK)
    assert done.returncode == 0, done.stderr


def test_the_sql_of_the_readme_answers(newcomer):
    (statement,) = _blocks("sql")
    with closing(sqlite3.connect(newcomer / "stockrnn-data" / "stockrnn.db")) as connection:
        rows = connection.execute(statement).fetchall()
    assert {row[0] for row in rows} >= {"META", "SIM-WALK", "SIM-SIGNAL", "SIM-FAT"}


def test_the_settings_shown_are_the_defaults(monkeypatch):
    monkeypatch.delenv("STOCKRNN_TASK_RUNNER")
    (block,) = _blocks("toml")
    assert Settings(**tomllib.loads(block)) == Settings()


def test_the_tables_and_views_named_are_those_of_the_database(newcomer):
    with closing(sqlite3.connect(newcomer / "stockrnn-data" / "stockrnn.db")) as connection:
        listed = connection.execute("select name from sqlite_master where type in ('table', 'view')").fetchall()
    names = {name for (name,) in listed} - {"alembic_version"}
    assert all(f"`{name}`" in README for name in names)
