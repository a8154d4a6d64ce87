"""Open the database: SQLite in the data folder, or whatever STOCKRNN_DATABASE_URL names."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential

from stockrnn.errors import StoreError, StoreUnreachableError
from stockrnn.settings import Settings
from stockrnn.store.postgres import make_postgres_engine
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
    """Open a transaction that takes no write lock; whatever it wrote would be rolled back."""
    with _mapped_errors(engine), _connect(engine).execution_options(**{READ_ONLY: True}) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is committed at the end of the block, or rolled back whole."""
    with _mapped_errors(engine), _connect(engine) as connection, connection.begin():
        yield connection


def patient(engine: Engine, *, seconds: float) -> Engine:
    """Return an engine whose transactions wait up to `seconds` for a server that does not answer, as in a restart."""
    return engine.execution_options(**{_PATIENCE: seconds})


def refuse_read_only(engine: Engine) -> None:
    """Refuse a store that can only be read, before a run begins that would write; raises `StoreError`."""
    if engine.dialect.name == "sqlite":
        require_writable(engine.url)


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
        cause = getattr(error, "orig", None) or error
        connected = not isinstance(error, DBAPIError) or error.statement is not None
        words = hide_secrets(str(cause), engine.url, connected=connected)
        if isinstance(error, DBAPIError) and _is_server(error):
            if error.connection_invalidated:
                raise StoreUnreachableError(words, lost=True) from error
            if not connected:  # without the driver's own words, which may name the user
                raise _explain_no_connection(error, words) from None
        known = explain_refusal(cause, describe_url(engine.url))
        raise StoreError(known or f"the database refused: {words}; see 'stockrnn status'") from error


def _explain_no_connection(error: DBAPIError, words: str) -> StoreError:
    if _is_transient(error):
        return StoreUnreachableError(words)
    return StoreError(f"the database refused: {words}; see 'stockrnn doctor'")
