"""The API of a night without a server: for the night alone, and gone with it however it ends."""

import base64
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress

import psutil
import pytest

RUN = """
import sys, time
from flows.temporary_api import TemporaryApi
api = TemporaryApi()
print(api._process.pid, api.url, api.auth_string, flush=True)
if sys.argv[1] == "used":
    api.wait(seconds=120)
    print("up", flush=True)
time.sleep(600)
"""


class Run:
    """A run that has begun an API, as the command line does."""

    def __init__(self, folder, how):
        environment = {
            # what is asked here needs no table of Prefect's
            **os.environ, "PREFECT_HOME": str(folder), "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",
            "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        }  # fmt: skip
        self.process = subprocess.Popen([sys.executable, "-c", RUN, how], env=environment, stdout=subprocess.PIPE)
        pid, self.url, self.auth = self.process.stdout.readline().decode().split()
        self.api = psutil.Process(int(pid))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def begin(tmp_path):
    runs = []

    def begin(how):
        runs.append(Run(tmp_path, how))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill()
        with suppress(psutil.Error):
            run.api.kill()


def ask(url, auth=None):
    request = urllib.request.Request(url)  # noqa: S310  # the loopback
    if auth:
        request.add_header("Authorization", f"Basic {base64.b64encode(auth.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def gone(process, *, seconds):
    deadline = time.monotonic() + seconds
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.exhaustive
def test_an_api_answers_its_night_alone_and_ends_with_it(begin):
    run = begin("used")
    assert run.process.stdout.readline() == b"up\n"
    asked = f"{run.url}/admin/version"
    assert (ask(asked), ask(asked, "stockrnn:guessed"), ask(asked, run.auth)) == (401, 401, 200)
    password = run.auth.partition(":")[2]
    assert len(password) >= 32
    assert password not in " ".join(run.api.cmdline())
    assert {one.laddr.ip for one in run.api.net_connections() if one.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
    assert run.api.children(recursive=True) == []  # nothing that its end would leave behind
    os.kill(run.process.pid, signal.SIGKILL)
    assert gone(run.api, seconds=10)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", ["the run", "both"])
def test_an_api_that_was_begun_and_never_used_ends_with_its_run(begin, first):
    run = begin("unused")
    if first == "both":
        run.api.kill()
    os.kill(run.process.pid, signal.SIGKILL)
    assert gone(run.api, seconds=10)
