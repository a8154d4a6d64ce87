"""Open the database: SQLite in the data folder, or whatever STOCKRNN_DATABASE_URL names."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from traceback import walk_tb
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential

from stockrnn.errors import StoreError, StoreUnreachableError
from stockrnn.settings import Settings
from stockrnn.store.postgres import explain_state, lock_store, make_postgres_engine
from stockrnn.store.sqlite import (
    READ_ONLY,
    WAIT_SECONDS,
    explain_refusal,
    make_sqlite_engine,
    require_writable,
    when_free,
)
from stockrnn.store.url import describe_url, hide_secrets, read_url

LOG = logging.getLogger("stockrnn")

_PATIENCE = "stockrnn_patience"
_FINAL = re.compile(r"authentication failed|does not exist|no password supplied|no pg_hba\.conf entry")
"""Answers of a server that waiting would not change."""
_DAMAGED = re.compile(r"malformed|not a database|could not decode", re.IGNORECASE)
"""What SQLite says of a file that was written to by something else, or whose disk fails."""
_ROWS = frozenset({"sqlalchemy.engine.cursor", "sqlalchemy.engine.result", "sqlalchemy.engine.row"})
"""Where SQLAlchemy turns what the driver hands over into rows."""


def make_engine(settings: Settings) -> Engine:
    """Return the engine of the store; nothing is opened yet.

    Raises
    ------
    StoreError
        The database URL can't be used. Nothing of it is repeated: it may hold a password.
    """
    url = read_url(settings)
    if url.get_backend_name() == "sqlite":
        return make_sqlite_engine(url, wait_seconds=settings.database_wait_seconds)
    try:
        return make_postgres_engine(url, wait_seconds=settings.database_wait_seconds)
    except (ArgumentError, ModuleNotFoundError, TypeError) as error:
        raise StoreError(
            f"STOCKRNN_DATABASE_URL can't be used ({type(error).__name__}); expected something like "
            'postgresql+psycopg://user@host/database, and pip install "stockrnn[postgres]"'
        ) from None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees the store as it was at one moment and takes no lock.

    Whatever it wrote would be rolled back.
    """
    options: dict[str, Any] = {READ_ONLY: True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ"}
    with _mapped_errors(engine), _connect(engine).execution_options(**options) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is committed at the end of the block, or rolled back whole.

    One writer at a time on both databases: nobody changes what it reads, so a step decides by what it reads here.
    """
    with _mapped_errors(engine), _connect(engine) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            lock_store(connection)
        yield connection


def patient(engine: Engine, *, seconds: float) -> Engine:
    """Return an engine whose transactions wait up to `seconds` for a server that does not answer, as in a restart."""
    return engine.execution_options(**{_PATIENCE: seconds})


def refuse_read_only(engine: Engine) -> None:
    """Refuse a store that can only be read, before a run begins that would write; raises `StoreError`."""
    if engine.dialect.name == "sqlite":
        require_writable(engine.url)


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
        with _mapped_errors(engine), closing(engine.raw_connection()) as connection:  # outside of any transaction
            vacuum = partial(connection.cursor().execute, "VACUUM")
            when_free(vacuum, file=describe_url(engine.url), seconds=engine.get_execution_options()[WAIT_SECONDS])


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
def _mapped_errors(engine: Engine) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        explained = _explain(error, engine)
        # the driver's own words on a connection that failed may name the user
        raise explained from None if _is_unconnected(error) else error
    except UnicodeEncodeError as error:  # a parameter of the command line that was no text
        raise StoreError(f"{error.object!r} is no valid text: it can't be looked for in the database") from error
    except Exception as error:
        if not _comes_from_below(error):
            raise
        raise describe_damage(f"{type(error).__name__}: {error}") from error


def _explain(error: SQLAlchemyError, engine: Engine) -> StoreError:
    cause = getattr(error, "orig", None) or error
    words = hide_secrets(str(cause), engine.url, connected=not _is_unconnected(error))
    if isinstance(error, DBAPIError) and _is_server(error):
        if error.connection_invalidated:
            return StoreUnreachableError(words, lost=True)
        if _is_unconnected(error):
            return _explain_no_connection(error, words)
    elif _DAMAGED.search(str(cause)):
        return describe_damage(cause)
    known = explain_refusal(cause, describe_url(engine.url))
    return StoreError(known or f"the database refused: {words}; {explain_state(cause)}")


def _is_unconnected(error: SQLAlchemyError) -> bool:
    """Whether there was no connection yet that a statement could have failed on."""
    return isinstance(error, DBAPIError) and error.statement is None


def _explain_no_connection(error: DBAPIError, words: str) -> StoreError:
    if _is_transient(error):
        return StoreUnreachableError(words)
    return StoreError(f"the database refused: {words}; see 'stockrnn doctor'")


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
