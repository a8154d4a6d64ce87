"""The services of docker/compose.yaml as processes of this machine: what the file says, at other names and ports."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import prefect_server
import yaml
from tiny_model import FOLDERS

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
PACE = {"PREFECT_WORKER_QUERY_SECONDS": "1", "STOCKRNN_TASK_RUNNER": "single"}
"""What only makes a small night quicker."""
LINKED = ("flows", "stockrnn", "sql", "deployments")


def image_environment() -> dict[str, str]:
    """Return what the image sets, but for the path of its programs."""
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)
    pairs = dict(word.split("=", 1) for word in block.replace("\\\n", " ").split())
    del pairs["PATH"]
    return pairs


def image_words(instruction: str) -> list[str]:
    """Return the words of an instruction, CMD or ENTRYPOINT."""
    (words,) = re.findall(rf"^{instruction} (\[.*\])$", DOCKERFILE, re.MULTILINE)
    return json.loads(words)


def image_health_check() -> list[str]:
    """Return the command that tells whether a container of the image is well."""
    (words,) = re.findall(r"^HEALTHCHECK .*\\\n\s+CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    return json.loads(words)


def find_postgres() -> Path | None:
    """Return the programs of a Postgres that has what Prefect needs, the newest."""
    for programs in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        extension = Path("/usr/share/postgresql") / programs.parent.name / "extension" / "pg_trgm.control"
        if (programs / "initdb").exists() and extension.exists():
            return programs
    return None


@contextmanager
def run_postgres(programs: Path, password: Path) -> Iterator[int]:
    """Run a server that wants passwords until the block ends; yields its port."""
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    folder, port = Path(tempfile.mkdtemp(prefix="stockrnn-compose-")), prefect_server.free_port()
    given = folder / "password"
    given.write_text(password.read_text())
    for path in (folder, given):
        if user:
            shutil.chown(path, user)
    data = folder / "data"

    def run(program: str, *words: object) -> None:
        command = [programs / program, "--pgdata", data, *words]
        subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
    try:
        run("initdb", "--username", "postgres", "--pwfile", given, "--auth", "scram-sha-256", "--no-sync")
        run("pg_ctl", "start", "--wait", "--log", folder / "log", "-o", options)
        yield port
        run("pg_ctl", "stop", "--mode", "fast")
    finally:
        shutil.rmtree(folder)


@dataclass
class Composed:
    """The services, in a folder; each has its own part of what in a container would be `/data`."""

    folder: Path
    postgres: int
    port: int = field(default_factory=prefect_server.free_port)
    worker_port: int = field(default_factory=prefect_server.free_port)

    def translate(self, words: str, service: str) -> str:
        """Put this machine's names and ports in the place of those of the containers."""
        words = words.replace("${PREFECT_PORT:-4200}", str(self.port))
        assert "${" not in words
        for theirs, ours in (
            ("/run/secrets/", f"{self.folder}/docker/secrets/"),
            ("@database/", f"@127.0.0.1:{self.postgres}/"),
            ("server:4200", f"127.0.0.1:{self.port}"),
            ("127.0.0.1:4200", f"127.0.0.1:{self.port}"),
            ("127.0.0.1:8080", f"127.0.0.1:{self.worker_port}"),
            ("0.0.0.0", "127.0.0.1"),  # noqa: S104  # not to everyone, while a test runs
            ("/data", f"{self.folder}/data-of-{service}"),
        ):
            words = words.replace(theirs, ours)
        return words

    def environment(self, service: str) -> dict[str, str]:
        """Return every line of the image and of the service, and nothing of a developer's."""
        given = image_environment() | COMPOSE["services"][service]["environment"]
        code = os.pathsep.join(map(str, (*FOLDERS, ROOT)))
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        outside = PACE | {"PATH": path, "HOME": str(self.folder), "PYTHONPATH": code}
        # the ports that in containers are everyone's own
        outside |= {"PREFECT_WORKER_WEBSERVER_PORT": str(self.worker_port), "PGPORT": str(self.postgres)}
        return outside | {name: self.translate(value, service) for name, value in given.items()}

    def start(self, service: str, *more: str) -> subprocess.Popen:
        """Start the command of a service through the image's entry point; its output goes to a file."""
        command = COMPOSE["services"][service].get("command") or image_words("CMD")
        words = [self.translate(word, service) for word in (*command, *more)]
        (entry_point,) = image_words("ENTRYPOINT")
        (self.folder / f"data-of-{service}").mkdir(exist_ok=True)
        with (self.folder / f"{service}.log").open("wb") as log:
            return subprocess.Popen(
                ["sh", ROOT / "docker" / entry_point, *words],
                cwd=self.folder,
                env=self.environment(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_healthy(self, service: str, process: subprocess.Popen) -> None:
        """Ask as Docker would, with the command of the service or of the image, until it is content."""
        own = COMPOSE["services"][service].get("healthcheck")
        command = [self.translate(word, service) for word in (own["test"][1:] if own else image_health_check())]
        deadline = time.monotonic() + 90
        while subprocess.run(command, env=self.environment(service), capture_output=True, check=False).returncode:
            assert process.poll() is None, self.read_log(service)
            assert time.monotonic() < deadline, self.read_log(service)
            time.sleep(1)

    def read_log(self, service: str) -> str:
        """Return what a service has said."""
        return (self.folder / f"{service}.log").read_text()
