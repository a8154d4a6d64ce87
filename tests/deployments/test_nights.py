"""Nights on a real server through a real worker: by schedule and by hand, into SQLite and Postgres, late, killed."""

import json
import os
import signal
import sqlite3
import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postgres_server import run_postgres
from prefect_api import ask, look, send, wait_for_end
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

PASSWORD = "s3cret-and-l0ng"  # noqa: S105  # of a server that takes any
NIGHT = {"tickers": ["SIM-A", "SIM-B"], "source": "simulated", "as_of": "2012-03-30T22:00:00+00:00"}
FORECASTS = "select ticker, spec, kind, cast(target_session as text), predicted, lower_80, model_id from forecasts"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    with run_postgres(tmp_path_factory.getbasetemp().parent) as server:
        yield server


@pytest.fixture
def deployment(deployed):
    """The nightly deployment, whose schedule is put back after the test."""
    found = look(deployed)["nightly/nightly"]
    (schedule,) = found["schedules"]
    yield found
    kept = {"schedule": schedule["schedule"], "parameters": schedule["parameters"]}
    send(deployed, "PATCH", f"deployments/{found['id']}/schedules/{schedule['id']}", **kept)


def wait_for_scheduled(server, *, seconds=60):
    """Return the first run that the scheduler itself has made."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        runs = ask(server, "flow_runs/filter", sort="EXPECTED_START_TIME_ASC")
        made = [run for run in runs if run["auto_scheduled"] and run["parameters"].get("source") == "simulated"]
        if made:
            return made[0]
        time.sleep(0.5)
    raise AssertionError("the scheduler made no run")


def read(url):
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return sorted(tuple(row) for row in connection.execute(text(FORECASTS)))


def names_of_tasks(server, run_id):
    tasks = ask(server, "task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
    return {task["name"] for task in tasks}


@pytest.mark.slow
def test_the_schedule_and_a_hand_give_the_same_forecasts_in_sqlite_and_postgres(
    deployed, deployment, start_worker, stop, postgres
):
    # by its schedule, moved close, into SQLite
    home = deployed.folder / "scheduled"
    worker = start_worker(STOCKRNN_HOME=str(home))
    moment = datetime.now(UTC) + timedelta(seconds=12)
    close = {"interval": 86400, "anchor_date": moment.isoformat(), "timezone": "UTC"}
    (schedule,) = deployment["schedules"]
    send(
        deployed,
        "PATCH",
        f"deployments/{deployment['id']}/schedules/{schedule['id']}",
        schedule=close,
        parameters=NIGHT | {"sessions_only": True},
    )
    run = wait_for_end(deployed, wait_for_scheduled(deployed)["id"])
    assert (run["state_type"], run["state"]["message"]) == ("COMPLETED", "2 of 2 tickers done")
    scheduled = read(f"sqlite:///{home / 'stockrnn.db'}")
    assert [row[:4] for row in scheduled] == [
        ("SIM-A", "tutorial", "live", "2012-04-02"), ("SIM-B", "tutorial", "live", "2012-04-02")
    ]  # fmt: skip
    stop(worker)

    # by hand, into Postgres
    url = postgres.make(empty=True, password=PASSWORD)
    worker = start_worker(STOCKRNN_HOME=str(deployed.folder / "reports"), STOCKRNN_DATABASE_URL=url)
    options = [word for name, value in NIGHT.items() for word in ("-p", f"{name}={json.dumps(value)}")]
    assert "Completed" in deployed.prefect("deployment", "run", "nightly/nightly", *options, "--watch")
    assert read(url) == scheduled
    keys = {one["key"] for one in ask(deployed, "artifacts/filter")}
    assert keys >= {"forecast-sim-a", "forecast-sim-b", "forecasts", "night", "progress"}
    check_that_nothing_holds_the_password(deployed, url)
    stop(worker)


def check_that_nothing_holds_the_password(server, url):
    """Look for it in all logs, in everything Prefect stores, and in every row of every table."""
    places = {path.name: path.read_bytes() for path in server.folder.glob("*.log")}
    with closing(sqlite3.connect(server.folder / "prefect" / "prefect.db")) as connection:
        places["prefect"] = "\n".join(connection.iterdump()).encode(errors="replace")
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            rows = connection.execute(text(f"select cast(t as text) from {table} t")).scalars().all()
            places[table] = "\n".join(map(str, rows)).encode()
    assert b"in state Completed" in places["worker.log"]
    assert b"SIM-A: tutorial forecasts open of 2012-04-02" in places["prefect"]
    assert b"SIM-A" in places["runs"]
    assert [name for name, content in places.items() if PASSWORD.encode() in content] == []


@pytest.mark.slow
def test_a_dask_cluster_of_two_workers_gives_the_same_forecasts(deployed, deployment, start_worker, stop, request):
    if not request.config.getoption("--all-nights"):
        pytest.skip("tests/flows/test_trainers.py has it without a worker; with --all-nights it runs here, too")
    found = {}
    for runner in ("single", "dask"):
        home = deployed.folder / runner
        worker = start_worker(STOCKRNN_HOME=str(home), STOCKRNN_TASK_RUNNER=runner, STOCKRNN_PROCESSES="2")
        run = ask(deployed, f"deployments/{deployment['id']}/create_flow_run", parameters=NIGHT)
        assert wait_for_end(deployed, run["id"])["state_type"] == "COMPLETED"
        found[runner] = read(f"sqlite:///{home / 'stockrnn.db'}")
        stop(worker)
    assert found["dask"] == found["single"]
    assert names_of_tasks(deployed, run["id"]) >= {
        "SIM-A: tutorial, retrain: train", "SIM-B: tutorial, retrain: train", "SIM-B: tutorial, backtest: train",
        "SIM-A: tutorial, forecast", "SIM-B: report", "publish",
    }  # fmt: skip


@pytest.mark.slow
def test_nights_that_waited_for_a_worker_become_one(deployed, deployment, start_worker):
    late = [datetime.now(UTC) - timedelta(days=days) for days in (2, 1)]
    runs = [
        ask(
            deployed,
            f"deployments/{deployment['id']}/create_flow_run",
            parameters=NIGHT | {"tickers": ["SIM-A"], "sessions_only": True},
            state={"type": "SCHEDULED", "state_details": {"scheduled_time": moment.isoformat()}},
        )
        for moment in late
    ]
    start_worker(STOCKRNN_HOME=str(deployed.folder / "late"))
    ended = [wait_for_end(deployed, run["id"])["state"] for run in runs]
    assert {state["type"] for state in ended} == {"COMPLETED"}
    assert sorted(state["name"] for state in ended) == ["Completed", "Skipped"]
    (said,) = [state["message"] for state in ended if state["name"] == "Skipped"]
    assert "begun after this one was due, has done it" in said


def kill_all_of(home):
    """Kill every process that works for a data folder, as a power cut would; return how many there were."""
    mark, killed = f"STOCKRNN_HOME={home}".encode(), 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
    return killed


@pytest.mark.slow
def test_a_killed_run_is_shown_as_crashed_and_the_next_one_does_the_rest(
    deployed, deployment, start_worker, stop, request
):
    if not request.config.getoption("--all-nights"):
        pytest.skip("waits for minutes; run with --all-nights")
    slow = {"epochs": 100_000}  # long enough to be killed in
    home, undisturbed = deployed.folder / "killed", deployed.folder / "undisturbed"
    worker = start_worker(STOCKRNN_HOME=str(home))
    run = ask(deployed, f"deployments/{deployment['id']}/create_flow_run", parameters=NIGHT | slow)
    deadline = time.monotonic() + 120
    while "SIM-A: tutorial, retrain" not in names_of_tasks(deployed, run["id"]):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    time.sleep(35)  # one sign of life
    assert kill_all_of(home) > 2  # the worker, the run, its training
    killed = time.monotonic()
    worker.wait()
    worker = start_worker(STOCKRNN_HOME=str(home))
    again = ask(deployed, f"deployments/{deployment['id']}/create_flow_run", parameters=NIGHT)
    ended = wait_for_end(deployed, run["id"], seconds=240)
    assert ended["state_type"] == "CRASHED"
    print(f"shown as crashed after {time.monotonic() - killed:.0f} s: {ended['state']['message']}")
    assert wait_for_end(deployed, again["id"], seconds=240)["state_type"] == "COMPLETED"
    print(f"the next run had ended after {time.monotonic() - killed:.0f} s")
    found = read(f"sqlite:///{home / 'stockrnn.db'}")
    stop(worker)
    start_worker(STOCKRNN_HOME=str(undisturbed))
    alone = ask(deployed, f"deployments/{deployment['id']}/create_flow_run", parameters=NIGHT)
    assert wait_for_end(deployed, alone["id"])["state_type"] == "COMPLETED"
    assert found == read(f"sqlite:///{undisturbed / 'stockrnn.db'}")
