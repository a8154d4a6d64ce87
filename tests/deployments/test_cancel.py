"""A run that is cancelled in the UI in the middle of a training: it ends within seconds, with all that it started."""

import sqlite3
import time
from contextlib import closing, suppress

import psutil
import pytest
from prefect_api import ask, wait_for_end

NIGHT = {
    "tickers": ["SIM-A", "SIM-B"],
    "source": "simulated",
    "as_of": "2012-03-30T22:00:00+00:00",
    "epochs": 100_000,
}


def processes_of(home):
    """Return the processes that work for a data folder, without the worker that starts them."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = " ".join(process.cmdline())
            mine = process.environ().get("STOCKRNN_HOME") == str(home) and "worker start" not in words
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_until(condition, *, seconds):
    """Return how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not come to that in time"
        time.sleep(0.1)
    return time.monotonic() - began


def start_training(server, home):
    """Start a night and wait until it is well in a training; return the run."""
    run = server.start_night(NIGHT, home=home)

    def is_training():
        return any("multiprocessing.spawn" in " ".join(one.cmdline()) for one in processes_of(home))

    wait_until(is_training, seconds=120)
    time.sleep(3)
    return run


def read(home, statement):
    with closing(sqlite3.connect(home / "stockrnn.db")) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.exhaustive
def test_a_run_cancelled_in_a_training_ends_within_seconds_and_its_row_says_so(working, tmp_path):
    run = start_training(working, tmp_path)
    ask(working, f"flow_runs/{run}/set_state", state={"type": "CANCELLING", "name": "Cancelling"})
    took = wait_until(lambda: not processes_of(tmp_path), seconds=60)
    assert wait_for_end(working, run)["state_type"] == "CANCELLED"
    assert read(tmp_path, "select state, error from runs") == [("cancelled", "the run was stopped")]
    assert read(tmp_path, "select count(*) from models") == [(0,)]
    print(f"nothing ran any more {took:.1f} s after it was cancelled")
    assert took < 15  # the worker looks for cancelled runs every few seconds; from its signal on it is below five


@pytest.mark.exhaustive
def test_a_run_that_the_server_declared_dead_and_that_lives_stops_and_the_next_one_does_the_rest(working, tmp_path):
    run = start_training(working, tmp_path)
    crashed = {"type": "CRASHED", "name": "Crashed", "message": "No sign of life for ten minutes."}
    ask(working, f"flow_runs/{run}/set_state", state=crashed, force=True)
    again = working.start_night(NIGHT | {"epochs": None}, home=tmp_path)  # the limit of one run lets it begin now
    took = wait_until(lambda: run not in running(tmp_path), seconds=60)
    assert wait_for_end(working, again)["state"]["message"] == "2 of 2 tickers done"
    wait_until(lambda: not processes_of(tmp_path), seconds=20)
    assert read(tmp_path, "select run_id, state, error from runs order by seen_at") == [
        (run, "crashed", "Prefect's server ended it as Crashed: No sign of life for ten minutes."),
        (again, "completed", None),
    ]
    assert wait_for_end(working, run)["state_type"] == "CRASHED"
    assert read(tmp_path, "select ticker, kind from forecasts order by 1") == [("SIM-A", "live"), ("SIM-B", "live")]
    assert read(tmp_path, "pragma integrity_check") == [("ok",)]
    print(f"its row had ended {took:.1f} s after the server had declared it dead")
    assert took < 15


def running(home):
    return {run for (run,) in read(home, "select run_id from runs where state = 'running'")}
