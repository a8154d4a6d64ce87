"""A Prefect API for one run without a server. It ends with the run, however that ends.

Prefect's own one is left behind where the run is killed, and a Ctrl-C in a terminal ends it before the run could
report how it ended. This one is in a session of its own, and a process that watches over it ends it when its pipe to
the run closes.

    python -m flows.temporary_api PORT        what runs as that process
"""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress

from stockrnn.errors import StockrnnError

_STOP_SECONDS = 3.0
_SERVER = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


class TemporaryApi:
    """An API that is starting or runs; Prefect's settings for it are taken from the environment."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{_find_port()}/api"
        self._process = subprocess.Popen(  # noqa: S603  # this very module
            [sys.executable, "-m", "flows.temporary_api", self.url.split(":")[2].removesuffix("/api")],
            stdin=subprocess.PIPE,
            env={**os.environ, **_SERVER},
            start_new_session=True,
        )

    def wait(self, *, seconds: float) -> None:
        """Return when it answers.

        Raises
        ------
        StockrnnError
            It ended, or did not answer in time.
        """
        deadline = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < deadline:
            with suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/health", timeout=5)  # noqa: S310  # the loopback
                return
            time.sleep(0.1)
        raise StockrnnError(f"Prefect could not run the night: its API did not answer within {seconds:.0f} s")

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def _find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _serve(port: str) -> None:
    """Run the API until standard input ends."""
    server = subprocess.Popen(  # noqa: S603  # Prefect's own application
        [
            *(sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"),
            *("--host", "127.0.0.1", "--port", port, "--log-level", "error", "--lifespan", "on"),
        ],
        stdin=subprocess.DEVNULL,
    )
    threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    server.wait()


def _stop_at_end_of_input(server: subprocess.Popen[bytes]) -> None:
    sys.stdin.read()
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(timeout=_STOP_SECONDS)
    server.kill()


if __name__ == "__main__":
    _serve(sys.argv[1])
