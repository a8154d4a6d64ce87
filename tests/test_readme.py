"""Every command of the README, run in order in an empty folder as a newcomer would."""

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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from loopback import make_session_class
from prefect_server import clean_environment
from yahoo_server import FakeYahoo

from stockrnn.market.calendars import load_calendar
from stockrnn.models.registry import read_specs
from stockrnn.networks import cell_names
from stockrnn.settings import Settings
from stockrnn.sources.registry import choose_source
from stockrnn.sources.simulated import simulate_bars
from stockrnn.types import parse_day

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MAP = (ROOT / "stockrnn" / "README.md").read_text()
TABLES = (
    "instruments", "prices", "price_revisions", "price_issues", "models", "promotions", "forecasts",
    "backtests", "backtest_forecasts", "backtest_metrics",
)  # fmt: skip

QUICK = {
    f"STOCKRNN_SPECS__{name}": value
    for name, value in {
        "TUTORIAL__EPOCHS": "1",
        "TUTORIAL__LAYERS": "1",
        "TUTORIAL__UNITS": "8",
        "RNN__EPOCHS": "1",
        "RNN__LAYERS": "1",
        "RNN__UNITS": "8",
        "QUANTILE__EPOCHS": "1",
        "QUANTILE__LAYERS": "1",
        "QUANTILE__UNITS": "8",
        "QUANTILE__MEMBERS": "1",
        "QUANTILE__MAX_WINDOWS": "1000",
    }.items()
}
"""Networks that train in a moment, in place of those of the demo."""

pytestmark = pytest.mark.slow


def _blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


LASTING = ["stockrnn server", "stockrnn serve"]  # they go on until they are stopped
COMMANDS = [line for block in _blocks("sh") for line in block.splitlines()]


STOCKRNN = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from loopback import make_session_class
from stockrnn.sources.yahoo import session as yahoo_session
yahoo_session.YahooSession = make_session_class(PORT, yahoo_session.YahooSession)
from stockrnn.cli import main
if __name__ == "__main__":  # a process that trains reads this file, too
    main()
"""
"""The command as it is installed, but for Yahoo, which is on the loopback."""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Newcomer:
    """A folder with nothing but a CSV file, `stockrnn` on its path, and a Yahoo on the loopback."""

    folder: Path
    port: int

    @property
    def database(self) -> Path:
        return self.folder / "stockrnn-data" / "stockrnn.db"

    def run(self, command: str, **variables: str) -> Done:
        """Run a command in a process of its own, as a newcomer would."""
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = clean_environment() | {"PATH": path, **variables}
        done = subprocess.run(
            shlex.split(command), cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)


def _make_newcomer(folder, yahoo, bars):
    command = folder / "bin" / "stockrnn"
    command.parent.mkdir()
    command.write_text(STOCKRNN.replace("PORT", str(yahoo.port)))
    command.chmod(0o755)
    frame = bars.loc[:"2020-01-31"]
    frame.columns = [name.replace("_", " ").title() for name in frame.columns]
    frame.rename_axis("Date").to_csv(folder / "META.csv")
    return Newcomer(folder, yahoo.port)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    calendar = load_calendar("XNYS", through_year=datetime.now(UTC).year + 2)
    bars = simulate_bars("META", calendar.sessions(parse_day("2015-01-02"), calendar.table.index[-1].date()))
    with FakeYahoo(now=datetime.now(UTC)) as yahoo:
        yahoo.list("META", bars, calendar=calendar)
        yield _make_newcomer(tmp_path_factory.mktemp("newcomer"), yahoo, bars)


@pytest.fixture
def run_here(newcomer, monkeypatch, capsys, prefect_api):
    """Run a command in this process; a night goes to the Prefect server of the tests."""
    from stockrnn.cli import main
    from stockrnn.sources.yahoo import session as yahoo_session

    session = make_session_class(newcomer.port, yahoo_session.YahooSession)
    monkeypatch.setattr(yahoo_session, "YahooSession", session)
    monkeypatch.chdir(newcomer.folder)

    def run(command: str, **variables: str) -> Done:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Done(code, *capsys.readouterr())

    before = os.environ.copy()
    yield run
    os.environ.clear()  # what a command sets for Prefect ends with the test
    os.environ.update(before)


def _recipe(target):
    """What `make` would run last, also where these tests run inside a `make` of their own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", "-n", target]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def _digest(newcomer):
    """A digest of every row of every table but the log of runs."""
    with closing(sqlite3.connect(newcomer.database)) as connection:
        rows = {table: connection.execute(f"select * from {table} order by 1, 2, 3").fetchall() for table in TABLES}
    return hashlib.sha256(repr(rows).encode()).hexdigest(), {table: len(rows[table]) for table in TABLES}


def _check_demo(done, newcomer):
    """It has said and left what the README promises."""
    assert done.code == 0, done.err
    assert "this trains 15" in done.out
    assert done.out.count(" live ") == 6
    for ticker in ("SIM-WALK", "SIM-SIGNAL", "SIM-FAT"):
        assert f"{ticker}: report stockrnn-data/reports/{ticker}.png" in done.out
        assert (newcomer.folder / "stockrnn-data" / "reports" / f"{ticker}.png").exists()
    assert "Traceback" not in done.err
    _, counts = _digest(newcomer)
    assert (counts["models"], counts["forecasts"], counts["backtests"]) == (4, 6, 6)


def test_the_demo_runs_the_whole_night(newcomer, run_here):
    assert _recipe("demo") == ".venv/bin/stockrnn demo"
    _check_demo(run_here("stockrnn demo", **QUICK), newcomer)


@pytest.mark.exhaustive
def test_the_demo_with_all_its_epochs_takes_three_minutes_and_a_second_run_one_and_changes_no_row(
    tmp_path, pytestconfig
):
    if not pytestconfig.getoption("--all-nights"):
        pytest.skip("it takes four minutes, and the demo with fewer epochs runs each time; run with --all-nights")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "stockrnn").write_text(STOCKRNN.replace("PORT", "9"))  # it needs no Yahoo
    (tmp_path / "bin" / "stockrnn").chmod(0o755)
    newcomer = Newcomer(tmp_path, 9)
    started = time.perf_counter()
    _check_demo(newcomer.run("stockrnn demo"), newcomer)
    assert time.perf_counter() - started < 360  # three minutes on a quiet machine; this one may be busy
    before, _ = _digest(newcomer)
    started = time.perf_counter()
    again = newcomer.run("stockrnn demo")
    assert again.err.count("no training due") == 6
    assert _digest(newcomer)[0] == before
    assert time.perf_counter() - started < 120


def test_make_test_runs_pytest():
    assert _recipe("test").startswith(".venv/bin/python -m pytest ")
    assert _recipe("test").endswith('-m "not exhaustive"')
    assert _recipe("test-all").endswith("-m exhaustive")


@pytest.mark.parametrize(
    "command", [line for line in COMMANDS if line.startswith("stockrnn") and line not in LASTING]
)
def test_every_stockrnn_command_works_in_the_order_given(run_here, command):
    done = run_here(command, **QUICK)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err


def test_the_other_commands_are_those_that_other_tests_run():
    rest = [line for line in COMMANDS if not line.startswith("stockrnn") or line in LASTING]
    assert rest[:2] == ["make demo", "make test"]
    assert "`pip install .`" in README  # tests/test_packaging.py
    # tests/deployments runs both servers, this `export` and a worker, and deploys as docker/compose.yaml does
    script = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]["deploy"]["command"][-1]
    make, *others = script.splitlines()
    assert rest[2:] == [
        *LASTING,
        "export $(cat stockrnn-data/prefect-server/login.env)",
        make.split(" || ")[1],
        *others,
        "prefect worker start --pool stockrnn --type process",
    ]


def test_the_crontab_line_is_a_schedule_and_a_command_that_works(run_here):
    (block,) = _blocks("crontab")
    (line,) = block.splitlines()  # no variable: not every cron knows CRON_TZ
    hours, command = line[:11], line[11:]
    assert hours == "35 * * * * "  # every hour, so in every zone
    assert command == " cd $HOME/stockrnn && .venv/bin/stockrnn nightly --due"
    done = run_here("stockrnn nightly --due", **QUICK)
    assert done.code == 0, done.err


def test_the_sql_of_the_readme_answers(newcomer):
    (statement,) = _blocks("sql")
    with closing(sqlite3.connect(newcomer.database)) as connection:
        rows = connection.execute(statement).fetchall()
    assert {row[0] for row in rows} >= {"META", "SIM-WALK", "SIM-SIGNAL", "SIM-FAT"}


@pytest.mark.parametrize("text", [README, MAP], ids=["README", "map"])
def test_the_settings_shown_are_the_defaults(text):
    (block,) = _blocks("toml", text)
    shown = Settings(**tomllib.loads(block))
    assert shown.model_copy(update={"specs": {}, "source": ()}) == Settings()
    assert choose_source(shown) == choose_source(Settings())
    assert read_specs(shown) == read_specs(Settings())


def test_the_settings_of_the_networks_make_specs():
    text = (ROOT / "stockrnn" / "networks" / "README.md").read_text()
    (block,) = _blocks("toml", text)
    specs = read_specs(Settings(**tomllib.loads(block)))
    assert (specs["gru"].nightly, specs["peeping"].peepholes) == (True, ("input", "forget"))
    assert {spec.cell for spec in specs.values() if hasattr(spec, "cell")} < set(cell_names())
    assert all(f"`{name}`" in text for name in (*cell_names(), *read_specs(Settings())))


def test_the_tables_and_views_named_are_those_of_the_database(newcomer):
    with closing(sqlite3.connect(newcomer.database)) as connection:
        listed = connection.execute("select name from sqlite_master where type in ('table', 'view')").fetchall()
    names = {name for (name,) in listed} - {"alembic_version"}
    assert all(f"`{name}`" in README for name in names)
