"""A Prefect API for one run without a server. It ends with the run, however that ends.

Prefect's own one is left behind where the run is killed, and a Ctrl-C in a terminal ends it before the run could
report how it ended. This one is in a session of its own, and ends when its pipe to the run closes.

It listens on the loopback alone, which other users of the machine reach, too: whoever may make runs may run
commands. So it answers only who knows a password, which is new for each run and never on a command line.

    python -m flows.temporary_api PORT        what runs as that process
"""

import os
import runpy
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress

from stockrnn.errors import StockrnnError

_HOST = "127.0.0.1"
_STOP_SECONDS = 3.0
_SERVER = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


class TemporaryApi:
    """An API that is starting or runs; Prefect's settings for it are taken from the environment.

    Attributes
    ----------
    auth_string
        User name and password, as PREFECT_API_AUTH_STRING takes them.
    """

    def __init__(self) -> None:
        port = _find_port()
        self.url = f"http://{_HOST}:{port}/api"
        self.auth_string = f"stockrnn:{secrets.token_urlsafe(32)}"
        self._process = subprocess.Popen(  # noqa: S603  # this very module
            [sys.executable, "-m", "flows.temporary_api", str(port)],
            stdin=subprocess.PIPE,
            # its own services are its clients, too
            env={
                **os.environ,
                **_SERVER,
                "PREFECT_SERVER_API_AUTH_STRING": self.auth_string,
                "PREFECT_API_AUTH_STRING": self.auth_string,
            },
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
        free.bind((_HOST, 0))
        port: int = free.getsockname()[1]
    return port


def _serve(port: str) -> None:
    """Run the API until standard input ends."""
    # in this very process: a server beside it would be left where both the run and this one are killed
    threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    sys.argv = [
        *("uvicorn", "--factory", "prefect.server.api.server:create_app"),
        *("--host", _HOST, "--port", port, "--log-level", "error", "--lifespan", "on"),
    ]
    runpy.run_module("uvicorn", run_name="__main__")


def _stop_at_end_of_input() -> None:
    # not by sys.stdin, whose lock would be held where the process ends for another reason
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    _serve(sys.argv[1])
