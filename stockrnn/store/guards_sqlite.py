"""The guards as SQLite's triggers.

A conflict that REPLACE settles fires no delete trigger, so that every key is looked up before the insert. The tables
have no rowid (`schema`), which would be one key more, and one that a trigger can't see.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Table, UniqueConstraint, text

from stockrnn.store.guarded import (
    BAR_STORED,
    CLOCK,
    GUARDED,
    HOURS_AFTER,
    HOURS_BEFORE,
    IN_USE,
    LATE,
    LIVE_UNTIL,
    MARKET,
    PREFIX,
    SOURCE,
    TIMES,
    is_continuous,
    naming_tickers,
)
from stockrnn.store.schema import METADATA
from stockrnn.types import CONTINUOUS_HOURS

_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_CLOCK = "[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]"
_CALENDAR = "(select instruments.calendar from instruments where instruments.ticker = new.ticker)"
_MARKET = "(select instruments.market from instruments where instruments.ticker = new.ticker)"


def read_schema(_: Connection) -> str:
    """Return the schema of our tables, which SQLite's triggers do not name."""
    return "main"


def make_functions(_: str) -> list[str]:
    """Return nothing: SQLite's triggers need no functions."""
    return []


def make_triggers(_: str) -> dict[str, list[str]]:
    """Return the name and the statements of each trigger."""
    triggers = [
        *(trigger for table in GUARDED for trigger in _refuse_rewriting(METADATA.tables[table])),
        *_check_forecasts(),
        *_keep_market(),
    ]
    return dict(triggers)


def read_triggers(connection: Connection, *, working: bool = False) -> dict[str, str]:  # noqa: ARG001  # none is disabled
    """Return the triggers that stand, and what drops each."""
    names = connection.scalars(
        text("select name from sqlite_master where type = 'trigger' and substr(name, 1, :length) = :prefix"),
        {"length": len(PREFIX), "prefix": PREFIX},
    )
    return {name: f"drop trigger {name}" for name in names}


def _trigger(name: str, event: str, condition: str, words: str) -> tuple[str, list[str]]:
    named = f"{PREFIX}{name}"
    when = f"when {condition} " if condition else ""
    return named, [f"create trigger {named} before {event} {when}begin select raise(abort, '{words}'); end"]


def _refuse_rewriting(table: Table) -> list[tuple[str, list[str]]]:
    words = f"{table.name} can not be rewritten: {GUARDED[table.name]}"
    taken = " or ".join(f"({_equal(key)})" for key in _keys(table))
    exists = f"exists (select 1 from {table.name} as old where {taken})"
    return [
        _trigger(f"{table.name}_update", f"update on {table.name}", "", words),
        _trigger(f"{table.name}_delete", f"delete on {table.name}", "", words),
        _trigger(f"{table.name}_replace", f"insert on {table.name}", exists, words),
    ]


def _keys(table: Table) -> list[list[str]]:
    """Return the columns of each key on which a row may meet another."""
    unique = [constraint.columns for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
    indexes = [index.columns for index in table.indexes if index.unique]
    # sets, of no order: the same tables shall make the same text
    return sorted([column.name for column in key] for key in (table.primary_key.columns, *unique, *indexes))


def _equal(key: Sequence[str]) -> str:
    return " and ".join(f"old.{name} = new.{name}" for name in key)


def _check_forecasts() -> list[tuple[str, list[str]]]:
    insert, real = "insert on forecasts", f"new.kind = 'live' and {_MARKET} is not 'simulated'"
    stored = "select 1 from prices where prices.ticker = new.ticker and prices.session = new.target_session"
    after = "julianday(current_timestamp) >= julianday(new.live_until)"
    return [
        _trigger("forecasts_clock", insert, "new.recorded_at is not current_timestamp", CLOCK),
        _trigger("forecasts_times", insert, f"({_readable()}) is not 1", TIMES),
        _trigger("forecasts_live_until", insert, f"({_live_until()}) is not 1", LIVE_UNTIL),
        _trigger("forecasts_late", insert, f"{real} and ({after}) is not 0", LATE),
        _trigger("forecasts_bar", insert, f"{real} and exists ({stored})", BAR_STORED),
    ]


def _readable() -> str:
    """Return a condition on the times: texts as SQLAlchemy writes them, of days that exist, which fit each other."""
    times = ("new.target_opens_at", "new.live_until", "new.issued_at")
    return " and ".join(
        [
            *(_is_day(day, of=day, length=10) for day in ("new.cutoff", "new.target_session")),
            *(_is_day(f"substr({time}, 1, 10)", of=time, length=26) for time in times),
            *(
                f"{time} glob '{_DAY} {_CLOCK}' and julianday({time}) and substr({time}, 12, 2) < '24'"
                for time in times
            ),
            f"new.target_opens_at >= datetime(new.target_session, '-{HOURS_BEFORE} hours')",
            f"new.target_opens_at < datetime(new.target_session, '+{HOURS_AFTER} hours')",
        ]
    )


def _live_until() -> str:
    """Return a condition on `live_until`, a readable time: the opening, or later where a market never closes."""
    latest = f"datetime(new.target_opens_at, '+{CONTINUOUS_HOURS} hours')"
    later = f"new.live_until > new.target_opens_at and substr(new.live_until, 1, 19) <= {latest}"
    return (
        f"new.live_until = new.target_opens_at or (new.target is 'close' and {is_continuous(_CALENDAR)} and {later})"
    )


def _is_day(day: str, *, of: str, length: int) -> str:
    # by way of a number: SQLite leaves a 31 February as it is; in bytes: a text ends at a zero byte elsewhere
    exists = f"date(julianday({day})) = {day} and {day} >= '0001'"
    return f"typeof({of}) = 'text' and length(cast({of} as blob)) = {length} and {exists}"


def _keep_market() -> list[tuple[str, list[str]]]:
    changed = "old.ticker is not new.ticker or old.market is not new.market"
    other = f"{_MARKET} <> new.market"  # null, and so let through, where the ticker is new
    contradicts = f"(new.source is 'simulated') <> ({_MARKET} is 'simulated')"
    naming = [f"exists (select 1 from {table} where {table}.ticker = old.ticker)" for table in naming_tickers()]
    return [
        _trigger("instruments_update", "update on instruments", changed, MARKET),
        _trigger("instruments_replace", "insert on instruments", other, MARKET),
        _trigger("instruments_delete", "delete on instruments", " or ".join(naming), IN_USE),
        _trigger("prices_insert", "insert on prices", contradicts, SOURCE),
        _trigger("prices_update", "update of ticker, source on prices", contradicts, SOURCE),
    ]
