"""A real Prefect server, which a test run shares, in a process and with a database of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUIET = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_CLI_COLORS": "false"}
QUICK = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
}


def clean_environment() -> dict[str, str]:
    """Return the environment without a developer's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("STOCKRNN_", "PREFECT_"))}


def forget_developer(folder: Path) -> None:
    """Keep Prefect in this process from a developer's settings; call it before anything imports Prefect."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update(QUIET, PREFECT_HOME=str(folder / "prefect-home"), PREFECT_LOGGING_LEVEL="CRITICAL")


@contextmanager
def used(told: dict[str, str]) -> Iterator[None]:
    """Let the flows of this process go to a server, also those in threads that have begun before."""
    from prefect.context import _temporary_global_settings_context, get_settings_context
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    server = {PREFECT_API_URL: told["url"], PREFECT_API_AUTH_STRING: told["login"]}
    with (
        temporary_settings({**server, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
        _temporary_global_settings_context(get_settings_context()),
    ):
        yield


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Run `stockrnn server` until the block ends; its log and its database lie in the folder."""
    port = free_port()
    url, home, log = f"http://127.0.0.1:{port}/api", folder / "home", folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "stockrnn", "server", "--port", str(port)],
            env=clean_environment() | QUIET | QUICK | {"STOCKRNN_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _wait_until_healthy(url, process, log)
        own = home / "prefect-server"
        login = (own / "login.env").read_text().split("PREFECT_API_AUTH_STRING=")[1].strip()
        yield {"url": url, "login": login, "database": str(own / "prefect.db"), "log": str(log)}
    finally:
        stop(process)


def stop(process: subprocess.Popen) -> None:
    """End a process with all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_until_healthy(url, process, log):
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310  # the loopback
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the server did not come up: {log.read_text()}")
