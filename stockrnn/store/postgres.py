"""Postgres: a server that others use, too; what they lock is waited for, but not for ever and not in silence."""

import logging
from dataclasses import dataclass
from threading import Timer
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from stockrnn.errors import StoreLockedError

LOG = logging.getLogger("stockrnn")

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
    waiting = _Waiting(engine, seconds=wait_seconds)
    event.listen(engine, "connect", waiting.configure)
    event.listen(engine, "begin", waiting.watch)
    event.listen(engine, "commit", waiting.unwatch)
    event.listen(engine, "rollback", waiting.unwatch)
    event.listen(engine, "handle_error", waiting.explain)
    return engine


def lock_store(connection: Connection) -> None:
    """Take the one lock of writers, until the transaction ends."""
    connection.execute(_LOCK_STORE)


def explain_state(error: BaseException) -> str:
    """Return what to do about an error that the server gave."""
    return _ADVICE.get(getattr(error, "sqlstate", None) or "", "see 'stockrnn status'")


class _Waiting:
    """Waiting for locks, as an engine's listeners: for so long, and not in silence."""

    def __init__(self, engine: Engine, *, seconds: float) -> None:
        self._engine, self._seconds = engine, seconds
        # not in a connection's own notes, which can't be asked for once it is lost
        self._watches: WeakKeyDictionary[Connection, _Watch] = WeakKeyDictionary()

    def configure(self, connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401  # a driver's connection
        """Let the server end a wait of a new connection, and fix how values are written and read."""
        # 0 would be no limit
        milliseconds = int(min(max(self._seconds * 1000, 1), _MAX_MILLISECONDS))
        connection.set_autocommit(True)  # in a transaction it would be forgotten with its rollback
        for name, value in {"lock_timeout": milliseconds, **_SESSION}.items():
            connection.execute(f"set {name} = '{value}'")
        connection.set_autocommit(False)

    def watch(self, connection: Connection) -> None:
        """Look after a transaction that begins: where it waits for a lock for some seconds, say so."""
        raw = connection.connection.driver_connection
        if raw is None or self._seconds == 0:
            return
        pid = raw.info.backend_pid  # now, for a connection that is lost has none
        timer = Timer(min(_SAY_SECONDS, self._seconds / 2), lambda: self._say(pid, watch))
        timer.daemon = True
        watch = self._watches[connection] = _Watch(timer)
        timer.start()

    def unwatch(self, connection: Connection) -> None:
        """Leave a transaction that has ended."""
        watch = self._watches.pop(connection, None)
        if watch is not None:
            watch.timer.cancel()

    def explain(self, context: ExceptionContext) -> None:
        """Say what was locked where the server ended a wait."""
        if getattr(context.original_exception, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            return
        watch = self._watches.get(context.connection) if context.connection else None
        what, by = (watch.what, watch.by) if watch else ("a table or its rows", "another session")
        raise StoreLockedError(what, by=by, seconds=self._seconds)

    def _say(self, pid: int, watch: _Watch) -> None:
        """Log what a session waits for; nothing where it only works for long."""
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
                found = other.execute(_WAITS, {"pid": pid}).one_or_none()
        except SQLAlchemyError:  # the run goes on without the line
            return
        if found is not None:
            watch.what, watch.by = found
            LOG.warning("waiting for %s, which %s has locked; up to %g s", watch.what, watch.by, self._seconds)
