"""A real Prefect server and a real process worker, each in a process of its own, with a home of their own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from scenario import SMALL_TOML

ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    """A Prefect server and the folder that its workers run in: a checkout with settings of its own."""

    url: str
    folder: Path
    environment: dict[str, str]

    def prefect(self, *words: object, check: bool = True) -> str:
        """Run a command of Prefect in the folder; returns what it printed."""
        command = [sys.executable, "-m", "prefect", "--no-prompt", *map(str, words)]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def deploy(self) -> None:
        """Run the command of docker/compose.yaml."""
        service = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]["deploy"]
        subprocess.run(service["command"], cwd=self.folder, env=self.environment, check=True)

    def start(self, *words: object, **variables: str) -> subprocess.Popen:
        """Start a command of Prefect that stays; its output goes to a file in the folder."""
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "prefect", *map(str, words)],
                cwd=self.folder,
                env=self.environment | variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_until_healthy(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310  # the loopback
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server did not come up")


def _stop(process: subprocess.Popen) -> None:
    """End a process with all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """Start a server; the folder holds links to the flows and the deployments, as a checkout would."""
    folder, port = tmp_path_factory.mktemp("deployed"), _free_port()
    for name in ("flows", "stockrnn", "sql", "deployments"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "stockrnn.toml").write_text(SMALL_TOML)
    url = f"http://127.0.0.1:{port}/api"
    left_out = ("STOCKRNN_", "PREFECT_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)} | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_CLI_COLORS": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
        "STOCKRNN_TASK_RUNNER": "single",  # a process less to start for each of these small nights
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    server = Server(url=url, folder=folder, environment=environment)
    process = server.start("server", "start", "--host", "127.0.0.1", "--port", port)
    try:
        _wait_until_healthy(url, process)
        yield server
    finally:
        _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def deployed(server) -> Server:
    """Deploy with the command of docker/compose.yaml, which is the README's."""
    server.deploy()
    return server


@pytest.fixture
def start_worker(server) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start workers, which end with the test."""
    started = []

    def start(**variables: str) -> subprocess.Popen:
        worker = server.start("worker", "start", "--pool", "stockrnn", "--type", "process", **variables)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        _stop(worker)


@pytest.fixture
def stop() -> Callable[[subprocess.Popen], None]:
    """End a process with all that it started."""
    return _stop
