"""Two to four nights at once through the command line leave the same rows as one."""

import itertools
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from night_at_once import LEDGER, read_ledger
from pydantic import SecretStr
from tiny_model import ENTRY, FOLDERS, TINY_TOML

from stockrnn.market.calendars import load_calendar
from stockrnn.models.registry import KINDS
from stockrnn.settings import Settings
from stockrnn.steps.replay import replay_all
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store

NIGHTS = load_calendar("XNYS", through_year=2026).sessions(date(2011, 3, 1), date(2011, 3, 31))
TICKERS = ("SIM-A", "SIM-B")
PATHS = os.pathsep.join(str(path) for path in (*FOLDERS, Path(__file__).parents[1]))


@pytest.fixture(params=["sqlite", "postgres"])
def make_folder(request, tmp_path):
    """Make a folder with settings and a store of its own, its environment, and the settings of the store."""
    numbers = itertools.count()

    def make():
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        (folder / "stockrnn.toml").write_text(TINY_TOML)
        environment = os.environ | {"PYTHONPATH": PATHS, "STOCKRNN_TASK_RUNNER": "single"}
        url = request.getfixturevalue("postgres").make() if request.param == "postgres" else None
        if url:
            environment["STOCKRNN_DATABASE_URL"] = url
        home = folder / "stockrnn-data"
        return folder, environment, Settings(home=home, database_url=url and SecretStr(url))

    return make


def run_at_once(folder, environment, moments):
    words = [word for ticker in TICKERS for word in ("--ticker", ticker)]
    command = [sys.executable, "-m", "stockrnn", "nightly", "--source", "simulated", *words, "--as-of"]
    said = [(folder / f"said {number}.txt").open("w+") for number in range(len(moments))]
    nights = [
        subprocess.Popen([*command, moment], cwd=folder, env=environment, stdout=file, stderr=file)
        for moment, file in zip(moments, said, strict=True)
    ]
    for night, file in zip(nights, said, strict=True):
        code = night.wait(300)
        file.seek(0)
        assert code == 0, file.read()
        file.close()


@pytest.mark.exhaustive
@pytest.mark.slow
def test_nights_at_once_through_the_command_line_leave_the_rows_of_one_night(request, make_folder, monkeypatch):
    """With --rounds 50 ten rounds of two to four nights, on both databases."""
    rounds = (request.config.getoption("--rounds") or 0) // 5
    if not rounds:
        pytest.skip("with --rounds 50; tests/prices/test_nights_at_once.py has nights at once each time")
    monkeypatch.setitem(KINDS, "tiny", ENTRY)
    alone, crowded = make_folder(), make_folder()
    for number, day in enumerate(NIGHTS[:rounds]):
        apart = number % 2
        moments = [f"{day.date()}T22:00:{apart * place:02}+00:00" for place in range(2 + number % 3)]
        run_at_once(*alone[:2], moments[:1])
        run_at_once(*crowded[:2], moments)
    engines = [open_store(settings) for _, _, settings in (alone, crowded)]
    expected, found = (read_ledger(engine) for engine in engines)
    for name in LEDGER:
        assert found[name] == expected[name], name
    assert len(found["forecasts"]) == len(TICKERS) * max(rounds, 1)
    assert [one.differences for one in replay_all(engines[1]) if not one.matches] == []
    with reading(engines[1]) as connection:
        states = connection.exec_driver_sql("select distinct state, error from runs").all()
        assert [tuple(row) for row in states] == [("completed", None)]
    for engine in engines:
        engine.dispose()
