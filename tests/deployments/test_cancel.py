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


@pytest.mark.exhaustive
def test_a_run_cancelled_in_a_training_ends_within_seconds_and_its_row_says_so(working, tmp_path):
    run = working.start_night(NIGHT, home=tmp_path)

    def is_training():
        return any("multiprocessing.spawn" in " ".join(one.cmdline()) for one in processes_of(tmp_path))

    wait_until(is_training, seconds=120)
    time.sleep(3)  # well into it
    ask(working, f"flow_runs/{run}/set_state", state={"type": "CANCELLING", "name": "Cancelling"})
    took = wait_until(lambda: not processes_of(tmp_path), seconds=60)
    assert wait_for_end(working, run)["state_type"] == "CANCELLED"
    with closing(sqlite3.connect(tmp_path / "stockrnn.db")) as connection:
        assert connection.execute("select state, error from runs").fetchall() == [
            ("cancelled", "the run was stopped")
        ]
        assert connection.execute("select count(*) from models").fetchall() == [(0,)]
    print(f"nothing ran any more {took:.1f} s after it was cancelled")
    assert took < 15  # the worker looks for cancelled runs every few seconds; from its signal on it is below five
