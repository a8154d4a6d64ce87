"""Open the database: SQLite in the data folder, or whatever STOCKRNN_DATABASE_URL names."""

import logging
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from traceback import walk_tb
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
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
_DAMAGED = re.compile(r"malformed|not a database|could not decode", re.IGNORECASE)
"""What SQLite says of a file that was written to by something else, or whose disk fails."""
_ROWS = frozenset({"sqlalchemy.engine.cursor", "sqlalchemy.engine.result", "sqlalchemy.engine.row"})
"""Where SQLAlchemy turns what the driver hands over into rows."""
_POSTGRES_SESSION = {
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
}


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
        engine = create_engine(url, pool_pre_ping=True)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise StoreError(
            f"STOCKRNN_DATABASE_URL can't be used ({type(error).__name__}); expected something like "
            "postgresql+psycopg://user:password@host/database"
        ) from None
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _configure_postgres)
    return engine


def _configure_postgres(connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401  # a driver's connection
    """Fix what a role's or a database's own defaults would change about how values are written and read."""
    with closing(connection.cursor()) as cursor:
        for name, value in _POSTGRES_SESSION.items():
            cursor.execute(f"set {name} = '{value}'")
    connection.commit()


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
    """Open a transaction that takes no write lock; whatever it wrote would be rolled back."""
    with _mapped_errors(), _connect(engine).execution_options(**{_READ_ONLY: True}) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is committed at the end of the block, or rolled back whole."""
    with _mapped_errors(), _connect(engine) as connection, connection.begin():
        yield connection


def patient(engine: Engine, *, seconds: float) -> Engine:
    """Return an engine whose transactions wait up to `seconds` for a server that does not answer, as in a restart."""
    return engine.execution_options(**{_PATIENCE: seconds})


def find_damage(engine: Engine) -> str | None:
    """Return what SQLite's own check finds wrong with the file; None where nothing is, and of a server."""
    if engine.dialect.name != "sqlite":
        return None
    with reading(engine) as connection:
        found: str = connection.exec_driver_sql("pragma integrity_check(1)").scalar_one()
    return None if found == "ok" else found


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
        raise _explain(error) from error
    except UnicodeEncodeError as error:  # a parameter of the command line that was no text
        raise StoreError(f"{error.object!r} is no valid text: it can't be looked for in the database") from error
    except Exception as error:
        if not _comes_from_below(error):
            raise
        raise describe_damage(f"{type(error).__name__}: {error}") from error


def _explain(error: SQLAlchemyError) -> StoreError:
    cause = getattr(error, "orig", None) or error
    if isinstance(error, DBAPIError) and _is_server(error):
        if error.connection_invalidated:
            return StoreUnreachableError(cause, lost=True)
        if _is_transient(error) and error.statement is None:
            return StoreUnreachableError(cause)
    elif _DAMAGED.search(str(cause)):
        return describe_damage(cause)
    return StoreError(f"the database refused: {cause}; see 'stockrnn status'")


def describe_damage(cause: object) -> StoreError:
    """Return the error that says that the database is damaged and what to do."""
    words = " ".join(str(cause).split())
    return StoreError(
        f"the database is damaged, or holds what stockrnn never wrote: {words}; restore a backup "
        "('pragma integrity_check' says more of a SQLite file)"
    )


def _comes_from_below(error: Exception) -> bool:
    """Whether the database's answer can't be made sense of: the error arose where rows become values."""
    names = {frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__)}
    return isinstance(error, UnicodeDecodeError) or not names.isdisjoint(_ROWS)
