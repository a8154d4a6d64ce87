"""Open the database: SQLite in the data folder, or whatever STOCKRNN_DATABASE_URL names."""

import logging
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential

from stockrnn.errors import StoreError, StoreUnreachableError
from stockrnn.settings import Settings

DATABASE_FILE = "stockrnn.db"
LOG = logging.getLogger("stockrnn")

_READ_ONLY = "stockrnn_read_only"
_PATIENCE = "stockrnn_patience"
_FINAL = re.compile(r"authentication failed|does not exist|no password supplied|no pg_hba\.conf entry")
"""Answers of a server that waiting would not change."""
_BUSY_MILLISECONDS = 30_000
_LOCK_STORE = text(
    "select pg_catalog.pg_advisory_xact_lock(738162490, pg_catalog.hashtext(coalesce(current_schema(), '')))"
)
"""What BEGIN IMMEDIATE is on SQLite: held until the transaction ends. One lock per database and schema."""
_EXPLAINED = {
    "40001": "another session of the database changed the same rows at the same time; run it again",
    "40P01": "this and another session of the database waited for each other; run it again",
    "55P03": "another session of the database holds a lock on it for too long; end that session, then run it again",
    "57014": "the statement was stopped, by statement_timeout or by an administrator; a time limit for this user has "
    "to be longer than its longest step (minutes)",
}
"""SQLSTATE of Postgres: what happened and what to do. The transaction was rolled back whole."""


def make_engine(settings: Settings) -> Engine:
    """Return the engine of the store; nothing is opened yet.

    Raises
    ------
    StoreError
        The database URL can't be understood. The URL itself is not repeated: it may hold a password.
    """
    if settings.database_url is None:
        return _make_sqlite_engine(f"sqlite:///{settings.home / DATABASE_FILE}")
    url = settings.database_url.get_secret_value()
    if url.startswith("sqlite"):
        return _make_sqlite_engine(url)
    try:
        # whatever the database's default is: writers are kept apart by a lock, not by refusals
        return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    except (ArgumentError, ModuleNotFoundError) as error:
        raise StoreError(
            f"STOCKRNN_DATABASE_URL can't be used ({type(error).__name__}); expected something like "
            "postgresql+psycopg://user:password@host/database"
        ) from None


def _make_sqlite_engine(url: str) -> Engine:
    # a connection to a file costs less than a millisecond, and none stays open unnoticed
    engine = create_engine(url, poolclass=NullPool)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401  # a driver's connection
    connection.isolation_level = None  # the driver's own BEGIN comes after the first read: it loses updates
    for pragma in (
        f"busy_timeout = {_BUSY_MILLISECONDS}",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    _enter_wal(connection)


def _enter_wal(connection: Any) -> None:  # noqa: ANN401  # a driver's connection
    """Switch the file to WAL: the one step for which SQLite, needing the file alone, does not wait by itself."""
    for _ in range(_BUSY_MILLISECONDS // 50):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.05)
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    # a writer takes the lock before it reads, so that nobody changes what it decides by
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees the store as it was at one moment and takes no lock.

    Whatever it wrote would be rolled back.
    """
    options: dict[str, Any] = {_READ_ONLY: True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ"}
    with _mapped_errors(), _connect(engine).execution_options(**options) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is committed at the end of the block, or rolled back whole.

    One writer at a time on both databases: nobody changes what it reads, so a step decides by what it reads here.
    """
    with _mapped_errors(), _connect(engine) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(_LOCK_STORE)
        yield connection


def patient(engine: Engine, *, seconds: float) -> Engine:
    """Return an engine whose transactions wait up to `seconds` for a server that does not answer, as in a restart."""
    return engine.execution_options(**{_PATIENCE: seconds})


def compact(engine: Engine) -> None:
    """Give space that was freed back to the disk; Postgres does so by itself."""
    if engine.dialect.name == "sqlite":
        with _mapped_errors(), closing(engine.raw_connection()) as connection:  # outside of any transaction
            connection.cursor().execute("VACUUM")


def _connect(engine: Engine) -> Connection:
    wait = Retrying(
        retry=retry_if_exception(_is_transient),
        wait=wait_exponential(multiplier=0.5, max=5),
        stop=stop_after_delay(engine.get_execution_options().get(_PATIENCE, 0)),
        before_sleep=_log_first_attempt,
        reraise=True,
    )
    return wait(engine.connect)


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, OperationalError) and _is_server(error) and not _FINAL.search(str(error.orig))


def _log_first_attempt(state: RetryCallState) -> None:
    if state.attempt_number == 1:
        LOG.warning("the database server does not answer; waiting for it")


def _is_server(error: DBAPIError) -> bool:
    return not isinstance(error.orig, sqlite3.Error)


@contextmanager
def _mapped_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        if isinstance(error, DBAPIError) and _is_server(error):
            if error.connection_invalidated:
                raise StoreUnreachableError(cause, lost=True) from error
            if _is_transient(error) and error.statement is None:
                raise StoreUnreachableError(cause) from error
        words = " ".join(str(cause).split())
        advice = _EXPLAINED.get(getattr(cause, "sqlstate", None) or "", "see 'stockrnn status'")
        raise StoreError(f"the database refused: {words}; {advice}") from error
