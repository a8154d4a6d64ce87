"""Nights in processes that are killed, on copies of a store, and what is looked at afterwards."""

import multiprocessing
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest
from killed_night import FIRST_NIGHT, SPECS, TICKERS, run_killed_night
from pydantic import SecretStr
from sqlalchemy import inspect

from stockrnn.settings import Settings
from stockrnn.store.engine import make_engine, reading
from stockrnn.store.migrate import open_store
from stockrnn.store.schema import METADATA
from stockrnn.store.url import DATABASE_FILE

BY_THE_CLOCK = {"recorded_at", "trained_at", "train_seconds", "updated_at", "created_at", "observed_at", "decided_at"}
ENDED = {"running": "crashed", "completed": "completed"}

FORKS = multiprocessing.get_context("forkserver")
"""Its server has run a night already; each night is a fork of it."""


def begin_fork_server() -> None:
    """Begin the process that has imported everything."""
    with pytest.MonkeyPatch.context() as patched:
        # it does not look where this process looks for modules, and says nothing of those that it can't preload
        patched.setenv(
            "PYTHONPATH", os.pathsep.join(path for path in (str(Path(__file__).parent), *sys.path) if path)
        )
        FORKS.set_forkserver_preload(["warm_night"])
        forkserver.ensure_running()


class SqliteStores:
    """Copies of a store in a file."""

    def __init__(self, folder):
        self._folder, self._numbers = folder, count()

    def make(self):
        settings = Settings(home=self._folder / "empty", **SPECS)
        open_store(settings).dispose()
        return settings

    def copy(self, settings):
        home = self._folder / str(next(self._numbers))
        home.mkdir()
        for path in settings.home.glob(f"{DATABASE_FILE}*"):
            shutil.copy(path, home / path.name)
        return Settings(home=home, **SPECS)

    def drop(self, settings):
        shutil.rmtree(settings.home)


class PostgresStores:
    """Copies of a database."""

    def __init__(self, folder, postgres):
        self._folder, self._postgres = folder, postgres

    def make(self):
        return self._at(self._postgres.make())

    def copy(self, settings):
        return self._at(self._postgres.copy(settings.database_url.get_secret_value()))

    def drop(self, settings):
        self._postgres.drop(settings.database_url.get_secret_value())

    def _at(self, url):
        return Settings(home=self._folder, database_url=SecretStr(url), **SPECS)


def start(settings, as_of, moment=None, *, group=False, children=False):
    night = FORKS.Process(target=run_killed_night, args=(settings, as_of, moment, group, children))
    night.start()
    return night


def finish(settings, as_of):
    night = start(settings, as_of)
    night.join(120)
    assert night.exitcode == 0


def has_tables(settings):
    """Whether a night came so far as to make them."""
    engine = make_engine(settings)
    with reading(engine) as connection:
        found = inspect(connection).has_table("runs")
    engine.dispose()
    return found


def read(settings, statement):
    engine = make_engine(settings)
    with reading(engine) as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(statement)]
    engine.dispose()
    return found


def read_rows(settings):
    """Every row of every table but the log of runs, without what the clock says, by its key."""
    engine = make_engine(settings)
    with reading(engine) as connection:
        rows = {
            table.name: [
                tuple(value for key, value in row.items() if key not in BY_THE_CLOCK)
                for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()
            ]
            for table in METADATA.sorted_tables
            if table.name != "runs"
        }
    engine.dispose()
    return rows


def wait_until_nothing_is_left(find, *, seconds=10):
    """Wait until no process is found any more."""
    deadline = time.monotonic() + seconds
    while left := find():
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def find_session(number):
    """Return the processes of a session."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == number and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def processes_of(mark):
    """Return the processes that inherited a variable."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@dataclass
class Harness:
    """Kills nights on copies of a store, `base`, in which as many nights are `begun` as it says."""

    stores: SqliteStores | PostgresStores
    base: Settings
    as_of: datetime = FIRST_NIGHT
    begun: int = 0
    expected: dict | None = None

    def undisturbed(self) -> Settings:
        """Run the night on a copy, and remember its rows."""
        settings = self.stores.copy(self.base)
        finish(settings, self.as_of)
        self.expected = read_rows(settings)
        assert len(self.expected["forecasts"]) == len(TICKERS) * (self.begun + 1)
        return settings

    def kill(self, moment: int, *, group: bool, children: bool = False) -> bool:
        """Kill a night at a moment, run it again and look; returns whether the night came to that moment."""
        settings = self.stores.copy(self.base)
        night = start(settings, self.as_of, moment, group=group, children=children)
        night.join(120)
        if came := night.exitcode != 0:
            assert night.exitcode == -signal.SIGKILL
            wait_until_nothing_is_left(lambda: find_session(night.pid))
            self.check_again(settings, lambda: finish(settings, self.as_of))
        self.stores.drop(settings)
        return came

    def check_again(self, settings: Settings, run_again) -> None:
        """Look at the store of a night that was killed, run it again, and look at that."""
        self._check_file(settings)
        left = self._states(settings)
        assert left in ([], ["running"], ["completed"])  # before its first commit there is none
        run_again()
        assert self._states(settings) == [*(ENDED[state] for state in left), "completed"]
        self._check_file(settings)
        rows = read_rows(settings)
        for name, known in self.expected.items():
            assert rows[name] == known, name

    def _states(self, settings):
        found = read(settings, "select state from runs order by seen_at") if has_tables(settings) else []
        return [state for (state,) in found][self.begun :]

    def _check_file(self, settings):
        if settings.database_url is None:
            assert read(settings, "pragma integrity_check") == [("ok",)]
