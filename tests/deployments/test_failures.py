"""Runs that fail as expected: each says why in one line, in the UI's log and in its row, also before it has begun."""

import sqlite3
import time
from contextlib import closing

import pytest
from prefect_api import ask, look, wait_for_end

from stockrnn.settings import Settings
from stockrnn.store.migrate import open_store

NONE_STORED = "0 of 1 tickers done; failed: NOPE: no prices are stored"
FAILURES = {
    "nightly": ({"tickers": ["NOPE"], "source": "stored"}, NONE_STORED),
    "retrain": ({"tickers": ["NOPE"], "spec": "tiny"}, NONE_STORED),
    "backtest": ({"spec": "nosuch"}, "no spec 'nosuch'; known:"),
    "update-prices": ({}, "no tickers: name some with --ticker"),
    "prune": ({}, "can't make the data folder"),
}


def start(server, flow, parameters, home):
    """Start a deployment by hand; returns the run's id."""
    deployment = look(server)[f"{flow}/{flow}"]
    options = {"work_queue_name": "default", "job_variables": {"env": {"STOCKRNN_HOME": str(home)}}}
    return ask(server, f"deployments/{deployment['id']}/create_flow_run", parameters=parameters, **options)["id"]


def read_messages(server, run_id, *, until, times=1):
    """Return what the log of a run says, as soon as it says `until`: the last lines come after its end."""
    deadline = time.monotonic() + 60
    while True:
        logged = ask(server, "logs/filter", logs={"flow_run_id": {"any_": [run_id]}}, sort="TIMESTAMP_ASC")
        messages = [entry["message"] for entry in logged]
        if sum(until in message for message in messages) >= times:
            return messages
        assert time.monotonic() < deadline, messages
        time.sleep(0.5)


def read(home, statement):
    with closing(sqlite3.connect(home / "stockrnn.db")) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.exhaustive
def test_a_flow_that_fails_as_expected_says_why_in_one_line_without_a_traceback(working, tmp_path):
    (tmp_path / "prune").write_text("no folder")
    open_store(Settings(home=tmp_path / "backtest")).dispose()  # a flow that fails so early makes none
    begun = {flow: start(working, flow, parameters, tmp_path / flow) for flow, (parameters, _) in FAILURES.items()}
    for flow, (_, words) in FAILURES.items():
        run = wait_for_end(working, begun[flow])
        assert run["state_type"] == "FAILED"
        assert run["state"]["message"].startswith(words)
        messages = read_messages(working, run["id"], until=words)
        assert [message for message in messages if "\n" in message] == []
        assert "Unexpected result" not in "".join(messages)
        if flow != "prune":
            ((name, state, error),) = read(tmp_path / flow, "select flow, state, error from runs")
            assert (name, state, error.startswith(words)) == (flow, "failed", True)
    run, home = begun["nightly"], tmp_path / "nightly"
    # as the button "Retry" does
    ask(working, f"flow_runs/{run}/set_state", state={"type": "SCHEDULED", "name": "AwaitingRetry"})
    read_messages(working, run, until=NONE_STORED, times=2)
    assert wait_for_end(working, run)["run_count"] == 2
    assert read(home, "select run_id, flow_run_id, state from runs order by seen_at") == [
        (run, run, "failed"),
        (f"{run}-2", run, "failed"),
    ]
