"""A night that is stopped in the middle of a training: nothing is left running, and nothing half-written."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from contextlib import closing, suppress

import psutil
import pytest
from inline import walk_night
from scenario import FRIDAY_EVENING, SMALL

from stockrnn.settings import Settings
from stockrnn.store.migrate import open_store

ENDLESS = """\
spec = "tutorial"
processes = 2
[specs.tutorial]
epochs = 100000
train_sessions = 200
[specs.quantile]
nightly = false
"""
NIGHT = ("nightly", "--source", "simulated", "--ticker", "SIM-A", "--ticker", "SIM-B", "--as-of", "2012-03-30T22:00Z")


def processes_of(mark):
    """Return the processes that inherited a variable; those that end meanwhile are none."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def is_training(process):
    """Whether it is a child that trains: spawned, and at work for longer than its imports take."""
    with suppress(psutil.Error):
        return "multiprocessing.spawn" in " ".join(process.cmdline()) and process.cpu_times().user > 8
    return False


def start(folder, mark, **environment):
    words = [sys.executable, "-m", "stockrnn", *NIGHT]
    with (folder / "said.txt").open("w") as said:
        return subprocess.Popen(words, cwd=folder, env={**os.environ, "MARK": mark, **environment}, stderr=said)


def wait_for(condition, *, seconds):
    """Return how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not come to that in time"
        time.sleep(0.1)
    return time.monotonic() - began


def read(folder, statement):
    with closing(sqlite3.connect(folder / "stockrnn-data" / "stockrnn.db")) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("runner", ["processes", "single"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_night_stopped_in_a_training_ends_at_once_and_the_next_one_goes_on(
    tmp_path, pytestconfig, runner, number, code
):
    alone = number == signal.SIGINT  # what a user has who presses Ctrl-C
    if (runner == "single") != alone and not pytestconfig.getoption("--all-nights"):
        pytest.skip("each signal stops one kind of runner each time; run with --all-nights")
    if number == signal.SIGKILL and not pytestconfig.getoption("--all-nights"):
        pytest.skip("tests/test_kills.py kills nights each time; run with --all-nights")
    mark = uuid.uuid4().hex
    (tmp_path / "stockrnn.toml").write_text(ENDLESS)
    night = start(tmp_path, mark, STOCKRNN_TASK_RUNNER=runner)
    try:
        wait_for(lambda: any(map(is_training, processes_of(mark))), seconds=120)
        began = time.monotonic()
        night.send_signal(number)
        night.wait(timeout=30)
        took = time.monotonic() - began
        left = wait_for(lambda: not processes_of(mark), seconds=10)
    finally:
        for process in processes_of(mark):
            process.kill()
    said = (tmp_path / "said.txt").read_text()
    assert night.returncode == code, said
    assert took < 5
    assert "Traceback" not in said
    print(f"{runner} {signal.Signals(number).name}: ended after {took:.1f} s, its last process {left:.1f} s later")
    state = "running" if number == signal.SIGKILL else "cancelled"
    assert read(tmp_path, "select state from runs") == [(state,)]
    assert read(tmp_path, "select count(*) from models") == [(0,)]
    settings = Settings(home=tmp_path / "stockrnn-data", spec="tutorial", specs={"tutorial": SMALL})
    walk_night(settings, open_store(settings), FRIDAY_EVENING, ("SIM-A", "SIM-B"), specs=("tutorial",))
    ended = "crashed" if number == signal.SIGKILL else "cancelled"
    assert read(tmp_path, "select state from runs order by seen_at") == [(ended,), ("completed",)]
    assert read(tmp_path, "select ticker, kind from forecasts order by 1") == [("SIM-A", "live"), ("SIM-B", "live")]
    assert read(tmp_path, "pragma integrity_check") == [("ok",)]
