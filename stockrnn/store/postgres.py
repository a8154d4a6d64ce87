"""Postgres: a server that others use, too; what they lock is waited for, but not for ever and not in silence."""

import logging
from dataclasses import dataclass
from functools import partial
from threading import Timer
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from stockrnn.errors import StoreLockedError

LOG = logging.getLogger("stockrnn")

_WATCH = "stockrnn_watch"
_SAY_SECONDS = 5.0
_LOCK_NOT_AVAILABLE = "55P03"
_LOCK_STORE = text(
    "select pg_catalog.pg_advisory_xact_lock(738162490, pg_catalog.hashtext(coalesce(current_schema(), '')))"
)
"""What BEGIN IMMEDIATE is on SQLite: held until the transaction ends. One lock per database and schema."""
_ADVICE = {
    "40001": "another session of the database changed the same rows at the same time; run it again",
    "40P01": "this and another session of the database waited for each other; run it again",
    "57014": "the statement was stopped, by statement_timeout or by an administrator; a time limit for this user has "
    "to be longer than its longest step (minutes)",
}
"""SQLSTATE: what happened and what to do. The transaction was rolled back whole."""
_SESSION = {
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
}
"""What a role's or a database's own defaults would change about how values are written and read."""
_MAX_MILLISECONDS = 2**31 - 1
_WAITS = text("""
    select
        coalesce(
            'table ' || cast(cast(lock.relation as regclass) as text),
            case lock.locktype when 'advisory' then 'the lock of a run' else 'rows' end
        ),
        'session ' || holder.pid || ' of ' || coalesce(activity.usename, 'another user')
        || coalesce(' (' || activity.state || ')', '')
    from pg_locks as lock
    cross join lateral unnest(pg_blocking_pids(lock.pid)) as holder (pid)
    left join pg_stat_activity as activity on activity.pid = holder.pid
    where lock.pid = :pid and not lock.granted
    limit 1
""")
"""What a session waits for, and who has it."""


@dataclass(slots=True)
class _Watch:
    """A transaction that is looked after, and what it was seen to wait for."""

    timer: Timer
    what: str = "a table or its rows"
    by: str = "another session"


def make_postgres_engine(url: URL, *, wait_seconds: float) -> Engine:
    """Return an engine on a server; whoever finds something locked waits up to `wait_seconds`."""
    # whatever the database's default is: writers are kept apart by a lock, not by refusals
    engine = create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    event.listen(engine, "connect", partial(_configure, wait_seconds))
    event.listen(engine, "begin", partial(_watch, engine, wait_seconds))
    event.listen(engine, "commit", _unwatch)
    event.listen(engine, "rollback", _unwatch)
    event.listen(engine, "handle_error", partial(_explain, wait_seconds))
    return engine


def lock_store(connection: Connection) -> None:
    """Take the one lock of writers, until the transaction ends."""
    connection.execute(_LOCK_STORE)


def explain_state(error: BaseException) -> str:
    """Return what to do about an error that the server gave."""
    return _ADVICE.get(getattr(error, "sqlstate", None) or "", "see 'stockrnn status'")


def _configure(seconds: float, connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401  # a driver's connection
    # 0 would be no limit
    milliseconds = int(min(max(seconds * 1000, 1), _MAX_MILLISECONDS))
    connection.set_autocommit(True)  # in a transaction it would be forgotten with its rollback
    for name, value in {"lock_timeout": milliseconds, **_SESSION}.items():
        connection.execute(f"set {name} = '{value}'")
    connection.set_autocommit(False)


def _watch(engine: Engine, seconds: float, connection: Connection) -> None:
    """Look after a transaction: where it waits for a lock for some seconds, say so."""
    raw = connection.connection.driver_connection
    if raw is None or seconds == 0:
        return
    timer = Timer(min(_SAY_SECONDS, seconds / 2), lambda: _say(engine, raw.info.backend_pid, watch, seconds))
    timer.daemon = True
    watch = connection.info[_WATCH] = _Watch(timer)
    timer.start()


def _unwatch(connection: Connection) -> None:
    watch = connection.info.pop(_WATCH, None)
    if watch is not None:
        watch.timer.cancel()


def _say(engine: Engine, pid: int, watch: _Watch, seconds: float) -> None:
    """Log what a session waits for; nothing where it only works for long."""
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            found = other.execute(_WAITS, {"pid": pid}).one_or_none()
    except SQLAlchemyError:  # the run goes on without the line
        return
    if found is not None:
        watch.what, watch.by = found
        LOG.warning("waiting for %s, which %s has locked; up to %g s", watch.what, watch.by, seconds)


def _explain(seconds: float, context: ExceptionContext) -> None:
    if getattr(context.original_exception, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
        watch = context.connection.info.get(_WATCH) if context.connection else None
        what, by = (watch.what, watch.by) if watch else ("a table or its rows", "another session")
        raise StoreLockedError(what, by=by, seconds=seconds)
