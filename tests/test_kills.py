"""A night killed at any moment of writing, and run again, ends in the rows of an undisturbed one.

It is killed before and after each statement that writes and each commit, the process alone or its whole group, on
both databases. A sample of the moments stands in `make test-all`; `--kills N` takes all, until there were N kills.
"""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from itertools import count

import prefect_server
import pytest
import services
from kill_harness import (
    Harness,
    PostgresStores,
    SqliteStores,
    begin_fork_server,
    finish,
    processes_of,
    wait_until_nothing_is_left,
)
from killed_night import FIRST_NIGHT, SPECS, TICKERS
from tiny_model import FOLDERS, TINY_TOML

from stockrnn.market.calendars import load_calendar
from stockrnn.settings import Settings
from stockrnn.store.migrate import open_store

NIGHTS = [
    datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
    for day in load_calendar("XNYS", through_year=2013).sessions(date(2011, 3, 1), date(2011, 6, 30))
]
MOMENTS_OF_A_COMMAND = 108
STRIDE = 13
"""Of the moments of a night, each how manieth stands in the sample."""


@pytest.fixture(scope="module", autouse=True)
def _fork_server():
    begin_fork_server()


@pytest.fixture(params=["sqlite", "postgres"])
def harness(request, tmp_path):
    if request.param == "postgres":
        stores = PostgresStores(tmp_path, request.getfixturevalue("postgres"))
    else:
        stores = SqliteStores(tmp_path)
    return Harness(stores, base=stores.make())


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_night_killed_at_any_moment_of_writing_and_run_again_leaves_the_rows_of_an_undisturbed_one(
    harness, pytestconfig
):
    wanted, killed, began = pytestconfig.getoption("--kills"), 0, time.monotonic()
    for number, harness.as_of in enumerate(NIGHTS if wanted else NIGHTS[:2]):
        undisturbed = harness.undisturbed()
        killed += kill_at_all_moments(harness, stride=1 if wanted else STRIDE)
        harness.stores.drop(harness.base)
        harness.base, harness.begun = undisturbed, number + 1
        if wanted and killed >= wanted:
            break
    print(f"{killed} kills on {harness.begun} nights, {time.monotonic() - began:.0f} s")
    assert killed > 10


def kill_at_all_moments(harness, *, stride):
    """Kill a night at each moment until it survives; returns how many kills there were."""
    with ThreadPoolExecutor(2) as threads:
        for first in count(1, 10 * stride):
            moments = range(first, first + 10 * stride, stride)
            came = list(threads.map(lambda at: harness.kill(at, group=bool(at % 2)), moments))
            if not all(came):
                return first // stride + came.index(False)
    raise AssertionError


@pytest.mark.exhaustive
@pytest.mark.parametrize("group", [True, False], ids=["group", "alone"])
def test_a_night_killed_while_its_children_train_leaves_none_of_them(tmp_path, group):
    stores = SqliteStores(tmp_path)
    harness = Harness(stores, base=stores.make())
    harness.undisturbed()
    assert harness.kill(40, group=group, children=True)


@pytest.fixture
def command(tmp_path):
    """Run a command of a folder of its own, on the Prefect server of the test run or on an API of its own."""
    (tmp_path / "stockrnn.toml").write_text(TINY_TOML)
    environment = prefect_server.clean_environment() | {
        "PYTHONPATH": os.pathsep.join([*map(str, FOLDERS), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PREFECT_HOME": str(services.run_folder() / "prefect-of-kills"),  # migrated once
        "STOCKRNN_PROCESSES": "2",
    }

    def run(*words, home, own_api=False, **variables):
        if not own_api:
            server = services.share("prefect_server")
            variables |= {"PREFECT_API_URL": server["url"], "PREFECT_API_AUTH_STRING": server["login"]}
        return subprocess.run(
            [sys.executable, "-m", "stockrnn", *words],
            cwd=tmp_path,
            env=environment | {"STOCKRNN_HOME": str(home)} | variables,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )

    return run


NIGHTLY = (
    *("nightly", "--source", "simulated", "--as-of", FIRST_NIGHT.isoformat()),
    *(word for ticker in TICKERS for word in ("--ticker", ticker)),
)


def kill_command(command, folder, moment, *, whom, own_api):
    """Kill a night of the command line; returns whether it came to that moment, and its settings."""
    mark = uuid.uuid4().hex
    home = folder / mark
    done = command(*NIGHTLY, home=home, own_api=own_api, MARK=mark, KILL_AT=str(moment), KILL_WHOM=whom)
    assert done.returncode in {-signal.SIGKILL, 0}, done.stderr
    wait_until_nothing_is_left(lambda: processes_of(mark))
    return done.returncode != 0, Settings(home=home, **SPECS)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_after_a_kill_status_says_what_happened_and_the_next_night_does_the_rest(command, tmp_path):
    stores = SqliteStores(tmp_path)
    harness = Harness(stores, base=stores.make())
    harness.undisturbed()
    came, settings = kill_command(command, tmp_path, 40, whom="alone", own_api=False)
    assert came
    said = command("status", home=settings.home)
    assert (said.returncode, "Traceback" in said.stderr) == (1, False)
    assert re.search(
        r"problem: the last run \(nightly, .* UTC\) crashed: its process, \d+ on .*, is gone", said.stderr
    )
    harness.check_again(settings, lambda: command(*NIGHTLY, home=settings.home).check_returncode())
    said = command("status", home=settings.home)
    assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "all is well"), said.stderr


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("whom", ["group", "alone"])
@pytest.mark.parametrize("own_api", [False, True], ids=["server", "own API"])
def test_a_night_of_the_command_line_killed_at_any_moment_of_writing_leaves_the_same_rows(
    command, tmp_path, pytestconfig, whom, own_api
):
    wanted, killed, began = pytestconfig.getoption("--kills"), 0, time.monotonic()
    if not wanted:
        pytest.skip("100 kills take half an hour; run with --kills 25")
    stores = SqliteStores(tmp_path)
    harness = Harness(stores, base=stores.make())
    harness.undisturbed()
    step = MOMENTS_OF_A_COMMAND / wanted
    for number in range(wanted):
        came, settings = kill_command(command, tmp_path, 1 + round(number * step), whom=whom, own_api=own_api)
        if came:
            killed += 1
            harness.check_again(settings, partial(finish_anew, settings))
    print(f"{killed} kills, {time.monotonic() - began:.0f} s")
    assert killed >= 0.8 * wanted


def finish_anew(settings):
    """Run the night, on a store that may not have been made when it was killed."""
    open_store(settings).dispose()
    finish(settings, FIRST_NIGHT)
