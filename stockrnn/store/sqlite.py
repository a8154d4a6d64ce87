"""SQLite: a file that several processes use at once, and that can be read where it can't be written."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from stockrnn.errors import StoreError, StoreLockedError

LOG = logging.getLogger("stockrnn")
T = TypeVar("T")

READ_ONLY = "stockrnn_read_only"
WAIT_SECONDS = "stockrnn_wait_seconds"

_TRY_SECONDS = 1.0
"""How long SQLite itself waits for a lock: in between, Ctrl-C is heard."""
_SAY_SECONDS = 5.0
_READ_ONLY_FILE = "{file} can't be written: it or its folder is read-only for this user, who can look at it alone"
_PRIMARY = 0xFF
"""The bits of an error code that say what is wrong; the others say where."""


def make_sqlite_engine(url: URL, *, wait_seconds: float) -> Engine:
    """Return an engine on a file; whoever finds it locked waits up to `wait_seconds`."""
    # a connection to a file costs less than a millisecond, and none stays open unnoticed
    engine = create_engine(
        url,
        poolclass=NullPool,
        connect_args={"timeout": min(_TRY_SECONDS, wait_seconds)},
        execution_options={WAIT_SECONDS: wait_seconds},
    )
    event.listen(engine, "do_connect", partial(_open, url, wait_seconds))
    event.listen(engine, "connect", partial(_configure, url, wait_seconds))
    event.listen(engine, "begin", partial(_begin, url, wait_seconds))
    return engine


def when_free(step: Callable[[], T], *, file: str, seconds: float) -> T:
    """Do a step as soon as no other process has locked the file.

    Raises
    ------
    StoreLockedError
        It was locked for longer than `seconds`.
    """
    began, said = time.monotonic(), False
    while True:
        try:
            return step()
        except sqlite3.OperationalError as error:
            waited = time.monotonic() - began
            if not _is_locked(error):
                raise
            if waited >= seconds:
                raise StoreLockedError(file, by="another process", seconds=seconds) from None
            if waited >= _SAY_SECONDS and not said:
                LOG.warning("waiting for %s, which another process has locked; up to %g s", file, seconds)
                said = True
            time.sleep(0.01)


def require_writable(url: URL) -> None:
    """Refuse to write in a file that can only be read: SQLite itself says so after much was decided.

    Raises
    ------
    StoreError
    """
    path = Path(f"{url.database}")
    beside = os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-shm").exists()
    if path.exists() and not (os.access(path, os.W_OK) and beside):
        raise StoreError(_READ_ONLY_FILE.format(file=path))


def explain_refusal(error: BaseException | None, file: str) -> str | None:
    """Return what an error of SQLite means and what to do; None where its own words must do."""
    if _code(error) == sqlite3.SQLITE_READONLY:
        return _READ_ONLY_FILE.format(file=file)
    if _code(error) == sqlite3.SQLITE_CANTOPEN:
        return f"{file} can't be opened; see whether this user may read it and, where it is new, write in its folder"
    if _is_locked(error):
        return f"another process has locked {file}; run it again when that has ended"
    return None


def _is_locked(error: BaseException | None) -> bool:
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: BaseException | None) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def _open(
    url: URL,
    seconds: float,
    _dialect: object,
    _record: ConnectionPoolEntry,
    where: list[Any],
    options: dict[str, Any],
) -> sqlite3.Connection:
    """Connect; where nobody can write beside the file, read it as one that does not change."""
    connection: sqlite3.Connection = sqlite3.connect(*where, **options)
    try:
        when_free(partial(_look, connection), file=f"{url.database}", seconds=seconds)
    except sqlite3.OperationalError as error:
        connection.close()
        path = Path(f"{url.database}")
        if _code(error) not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) or not path.is_file():
            raise
        return _open_unchanging(path, options)
    except BaseException:
        connection.close()
        raise
    return connection


def _look(connection: sqlite3.Connection) -> None:
    connection.execute("select 1 from sqlite_schema limit 1").fetchall()


def _open_unchanging(path: Path, options: dict[str, Any]) -> sqlite3.Connection:
    """Read a file in a folder without the two files beside it that readers, too, write."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"{path} can't be read here: {log.name} holds what was written last, and its folder is read-only; copy "
            f"both files to a folder that you can write in, and name it in STOCKRNN_HOME"
        )
    unchanging = f"file:{quote(str(path.resolve()))}?immutable=1"
    connection: sqlite3.Connection = sqlite3.connect(unchanging, **{**options, "uri": True})
    try:
        _look(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(url: URL, seconds: float, connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes after the first read: it loses updates
    for pragma in ("synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    # needing the file alone, SQLite does not wait by itself
    when_free(partial(_enter_wal, connection), file=f"{url.database}", seconds=seconds)


def _enter_wal(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        return
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if _code(error) != sqlite3.SQLITE_READONLY:  # that is for a writer to hear
            raise


def _begin(url: URL, seconds: float, connection: Connection) -> None:
    raw = connection.connection.driver_connection
    if raw is None:  # for the type checker: a connection that begins is open
        return
    if connection.get_execution_options().get(READ_ONLY, False):
        raw.execute("BEGIN")
        step = partial(_look, raw)
    else:
        require_writable(url)
        # a writer takes the lock before it reads, so that nobody changes what it decides by
        step = partial(raw.execute, "BEGIN IMMEDIATE")
    when_free(step, file=f"{url.database}", seconds=seconds)
