"""`stockrnn serve` on a real server: the deployments of the file, run from one process without a worker."""

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import prefect_server
import pytest
from prefect_api import NAMES, ask, look

NIGHT = {"tickers": ["SIM-A"], "source": "simulated", "as_of": "2012-03-30T22:00:00+00:00"}


def serve(folder, environment):
    with (folder / "serve.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "stockrnn", "serve"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def wait_for(what, *, seconds, process, log):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        assert process.poll() is None, log.read_text()
        time.sleep(0.5)
    raise AssertionError(f"it took more than {seconds} s: {log.read_text()}")


def look_ended(server, run_id):
    (run,) = ask(server, "flow_runs/filter", flow_runs={"id": {"any_": [run_id]}})
    return run["state_type"] in {"COMPLETED", "FAILED", "CRASHED"} and run


@pytest.mark.exhaustive
@pytest.mark.slow
def test_one_process_serves_all_deployments_and_runs_what_is_started_by_hand(server):
    home = server.folder / "served"
    # as if the server had been started for the same settings, which is where `serve` finds it and its login
    (home / "prefect-server").mkdir(parents=True)
    shutil.copy(server.database.with_name("login.env"), home / "prefect-server")
    environment = {name: value for name, value in server.environment.items() if not name.startswith("PREFECT_API_")}
    process = serve(server.folder, environment | {"STOCKRNN_HOME": str(home)})
    log = server.folder / "serve.log"
    try:
        wait_for(lambda: "are being served" in log.read_text(), seconds=90, process=process, log=log)
        found = look(server)
        assert set(found) == NAMES
        (night,) = found["nightly/nightly"]["schedules"]
        assert (night["slug"], night["parameters"]) == ("hourly", {"due_only": True})
        # a queue without a worker, where other tests have deployed to a pool
        run = server.start_night(NIGHT, queue="nobody's")
        ended = wait_for(lambda: look_ended(server, run), seconds=180, process=process, log=log)
        assert ended["state_type"] == "COMPLETED"
    finally:
        prefect_server.stop(process)
    with closing(sqlite3.connect(home / "stockrnn.db")) as connection:
        forecasts = connection.execute("select ticker, kind, target_session from forecasts").fetchall()
    assert forecasts == [("SIM-A", "live", "2012-04-02")]


def test_a_server_that_can_not_keep_its_login_says_so(tmp_path):
    from flows.server import run_server
    from stockrnn.errors import StockrnnError
    from stockrnn.settings import Settings

    (tmp_path / "home").write_text("a file")
    with pytest.raises(StockrnnError, match=r"can't make the server's folder .*; set STOCKRNN_HOME to another"):
        run_server(Settings(home=tmp_path / "home"), host="127.0.0.1", port=4200)


@pytest.mark.exhaustive
def test_a_server_that_is_gone_or_wants_another_login_takes_one_line(server, tmp_path):
    gone = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    stranger = {"PREFECT_API_AUTH_STRING": "stockrnn:guess"}
    for wrong, words in (
        (gone, "error: no Prefect server answers at http://127.0.0.1:9/api/; start one with 'stockrnn server'"),
        (
            stranger,
            f"error: the Prefect server at {server.url}/ refuses (401); set PREFECT_API_AUTH_STRING to its login",
        ),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "stockrnn", "serve"],
            cwd=tmp_path,
            env=server.environment | wrong,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == words
        assert "Traceback" not in done.stderr


def test_without_a_server_it_says_what_to_do(tmp_path, monkeypatch):
    from stockrnn.cli.serve import serve as command
    from stockrnn.errors import UsageError

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(UsageError, match="start one with 'stockrnn server', or set PREFECT_API_URL"):
        command()
