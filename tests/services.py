"""Services that all processes of a test run share; the first test that needs one begins it.

A keeper, which is a process of its own, runs the service and ends it with the run, however the run ended.
"""

import fcntl
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

RUN = "TEST_RUN_FOLDER"
_PID, _TOLD = "pid", "told.json"


def begin_run() -> None:
    """Make the folder of this test run; the processes that it starts inherit its name."""
    os.environ[RUN] = tempfile.mkdtemp(prefix="stockrnn-tests-")
    _write(run_folder() / _PID, str(os.getpid()))


def end_run() -> None:
    """End all services of this run and remove its folder."""
    begun = list(run_folder().glob(f"*/{_TOLD}"))
    for told in begun:
        os.kill(json.loads(told.read_text())["keeper"], signal.SIGTERM)
    deadline = time.monotonic() + 30
    while any(told.exists() for told in begun) and time.monotonic() < deadline:
        time.sleep(0.05)
    shutil.rmtree(run_folder(), ignore_errors=True)


def run_folder() -> Path:
    """Return the folder that all processes of this run know."""
    return Path(os.environ[RUN])


def share(name: str) -> dict[str, str]:
    """Return what a service tells its users; begin it if no process of this run has done so.

    Parameters
    ----------
    name
        A module of this folder with a context manager `serve(folder)`, which yields what it tells.
    """
    folder = run_folder() / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _TOLD).exists():
            _begin(name, folder)
    return json.loads((folder / _TOLD).read_text())


def _begin(name, folder):
    log = folder / "keeper.log"
    # not by subprocess, which would warn of a child that outlives this process
    keeper = os.posix_spawn(
        sys.executable,
        [sys.executable, __file__, name, str(folder)],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setpgroup=0,  # Ctrl-C is for the run, which then ends it
    )
    while not (folder / _TOLD).exists():
        assert os.waitpid(keeper, os.WNOHANG) == (0, 0), log.read_text()
        time.sleep(0.1)


def _keep(name, folder):
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    run = int((folder.parent / _PID).read_text())
    with importlib.import_module(name).serve(folder) as told:
        _write(folder / _TOLD, json.dumps({**told, "keeper": os.getpid()}))
        while not ended.wait(0.5) and _lives(run):
            pass
    if _lives(run):
        (folder / _TOLD).unlink()
    else:
        shutil.rmtree(folder.parent, ignore_errors=True)


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _write(path, words):
    path.with_suffix(".new").write_text(words)
    path.with_suffix(".new").replace(path)


if __name__ == "__main__":
    _keep(sys.argv[1], Path(sys.argv[2]))
