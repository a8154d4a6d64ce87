"""Nights on a real server through a real worker: by schedule and by hand, into SQLite and Postgres, late, killed."""

import os
import signal
import sqlite3
import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.automations import Automation
from prefect_api import ask, look, send, wait_for_end
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

PASSWORD = "s3cret-and-l0ng"  # noqa: S105  # of a server that takes any
NIGHT = {"tickers": ["SIM-A", "SIM-B"], "source": "simulated", "as_of": "2012-03-30T22:00:00+00:00"}
CLOSE = timedelta(seconds=6)  # to the moment of a schedule: longer than the server takes to make its runs anew
FORECASTS = "select ticker, spec, kind, cast(target_session as text), predicted, lower_80, model_id from forecasts"


@pytest.fixture
def deployment(deployed):
    """The nightly deployment, whose schedule is put back after the test."""
    found = look(deployed)["nightly/nightly"]
    (schedule,) = found["schedules"]
    yield found
    kept = {"schedule": schedule["schedule"], "parameters": schedule["parameters"]}
    send(deployed, "PATCH", f"deployments/{found['id']}/schedules/{schedule['id']}", kept)


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


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_schedule_and_a_hand_give_the_same_forecasts_in_sqlite_and_postgres(
    working, deployment, start_worker, postgres
):
    # by its schedule, moved close, into SQLite
    close = {"interval": 86400, "anchor_date": (datetime.now(UTC) + CLOSE).isoformat(), "timezone": "UTC"}
    (schedule,) = deployment["schedules"]
    send(
        working,
        "PATCH",
        f"deployments/{deployment['id']}/schedules/{schedule['id']}",
        {"schedule": close, "parameters": NIGHT | {"due_only": True}},
    )
    # meanwhile by hand, into Postgres
    url = postgres.make(empty=True, password=PASSWORD)
    start_worker("postgres", STOCKRNN_HOME=str(working.folder / "reports"), STOCKRNN_DATABASE_URL=url)
    by_hand = working.start_night(NIGHT, queue="postgres")
    ended = [wait_for_end(working, run) for run in (wait_for_scheduled(working)["id"], by_hand)]
    done = ("COMPLETED", "2 of 2 tickers done")
    assert [(run["state_type"], run["state"]["message"]) for run in ended] == [done, done]
    scheduled = read(f"sqlite:///{working.home / 'stockrnn.db'}")
    assert [row[:4] for row in scheduled] == [
        ("SIM-A", "tiny", "live", "2012-04-02"), ("SIM-B", "tiny", "live", "2012-04-02")
    ]  # fmt: skip
    assert read(url) == scheduled
    keys = {one["key"] for one in ask(working, "artifacts/filter", flow_runs={"id": {"any_": [by_hand]}})}
    assert keys == {"forecast-sim-a", "forecast-sim-b", "forecasts", "night", "progress"}
    check_that_nothing_holds_the_password(working, url)


def check_that_nothing_holds_the_password(server, url):
    """Look for it in all logs, in everything Prefect stores, and in every row of every table."""
    places = {path.name: path.read_bytes() for path in (server.log, *server.folder.glob("*.log"))}
    with closing(sqlite3.connect(server.database)) as connection:
        places["prefect"] = "\n".join(connection.iterdump()).encode(errors="replace")
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        for table in inspect(connection).get_table_names():
            rows = connection.execute(text(f"select cast(t as text) from {table} t")).scalars().all()
            places[table] = "\n".join(map(str, rows)).encode()
    assert b"in state Completed" in places["worker.log"]
    assert b"SIM-A: tiny forecasts open of 2012-04-02" in places["prefect"]
    assert b"SIM-A" in places["runs"]
    assert [name for name, content in places.items() if PASSWORD.encode() in content] == []


@pytest.mark.exhaustive
def test_a_dask_cluster_of_two_workers_gives_the_same_forecasts(
    deployed, deployment, start_worker, tmp_path, pytestconfig
):
    if not pytestconfig.getoption("--all-nights"):
        pytest.skip("tests/flows/test_executors.py runs a night on a cluster each time; run with --all-nights")
    found = {}
    for runner in ("single", "dask"):
        start_worker(runner, STOCKRNN_TASK_RUNNER=runner, STOCKRNN_PROCESSES="2")
        run = deployed.start_night(NIGHT, queue=runner, home=tmp_path / runner)
        assert wait_for_end(deployed, run)["state_type"] == "COMPLETED"
        found[runner] = read(f"sqlite:///{tmp_path / runner / 'stockrnn.db'}")
    assert found["dask"] == found["single"]
    assert names_of_tasks(deployed, run) >= {"SIM-A: tiny, retrain", "SIM-B: tiny, backtest", "SIM-B: report"}


@pytest.mark.exhaustive
@pytest.mark.slow
def test_nights_that_waited_for_a_worker_become_one(working, tmp_path):
    night = NIGHT | {"tickers": ["SIM-A"], "due_only": True}
    late = [(datetime.now(UTC) - timedelta(days=days)).isoformat() for days in (2, 1)]
    runs = [
        working.start_night(
            night, home=tmp_path, state={"type": "SCHEDULED", "state_details": {"scheduled_time": moment}}
        )
        for moment in late
    ]
    ended = [wait_for_end(working, run)["state"] for run in runs]
    assert {state["type"] for state in ended} == {"COMPLETED"}
    assert sorted(state["name"] for state in ended) == ["Completed", "Skipped"]
    (said,) = [state["message"] for state in ended if state["name"] == "Skipped"]
    assert said.startswith("no ticker is due")


def kill_all_of(home):
    """Kill every process that works for a data folder, as a power cut would; return how many there were."""
    mark, killed = f"STOCKRNN_HOME={home}".encode(), 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
    return killed


@pytest.fixture
def impatient(deployed, prefect_api):
    """The automation that finds dead runs waits a minute instead of ten."""
    automation = Automation.read(name="stockrnn: a run that gives no sign of life has crashed")
    patience = automation.trigger.within
    automation.trigger.within = timedelta(minutes=1)
    automation.update()
    yield
    automation.trigger.within = patience
    automation.update()


@pytest.mark.exhaustive
@pytest.mark.usefixtures("impatient")
def test_a_killed_run_is_shown_as_crashed_and_the_next_one_does_the_rest(deployed, start_worker, pytestconfig):
    if not pytestconfig.getoption("--all-nights"):
        pytest.skip("it takes three minutes, and tests/test_kills.py kills runs each time; run with --all-nights")
    home, undisturbed = deployed.folder / "killed", deployed.folder / "undisturbed"
    worker = start_worker("killed", STOCKRNN_HOME=str(home))
    run = deployed.start_night(NIGHT | {"epochs": 100_000}, queue="killed")  # long enough to be killed in
    deadline = time.monotonic() + 120
    while "SIM-A: tiny, retrain" not in names_of_tasks(deployed, run):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    time.sleep(35)  # one sign of life
    assert kill_all_of(home) > 2  # the worker, the run, its training
    killed = time.monotonic()
    worker.wait()
    start_worker("killed", STOCKRNN_HOME=str(home))
    again = deployed.start_night(NIGHT, queue="killed")
    ended = wait_for_end(deployed, run, seconds=240)
    assert ended["state_type"] == "CRASHED"
    print(f"shown as crashed after {time.monotonic() - killed:.0f} s: {ended['state']['message']}")
    assert wait_for_end(deployed, again, seconds=240)["state_type"] == "COMPLETED"
    print(f"the next run had ended after {time.monotonic() - killed:.0f} s")
    with closing(sqlite3.connect(home / "stockrnn.db")) as connection:
        rows = connection.execute("select run_id, state, error from runs order by seen_at").fetchall()
    assert [(name, state) for name, state, _ in rows] == [(run, "crashed"), (again, "completed")]
    assert "is gone: killed, or the machine went down" in rows[0][2]
    alone = deployed.start_night(NIGHT, queue="killed", home=undisturbed)
    assert wait_for_end(deployed, alone)["state_type"] == "COMPLETED"
    assert read(f"sqlite:///{home / 'stockrnn.db'}") == read(f"sqlite:///{undisturbed / 'stockrnn.db'}")
