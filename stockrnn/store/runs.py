"""Read and write the log of runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, func, select

from stockrnn.store.schema import runs

State = Literal["completed", "failed", "cancelled", "crashed", "skipped"]
"""How a run may end.

`cancelled` is one that was stopped by a signal, `crashed` one whose process is gone or was declared so, `skipped` a
scheduled one that had nothing to do.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProcess:
    """The process that a run is.

    Attributes
    ----------
    host, pid
        For people: the machine's name and the number of the process there.
    process
        The same for programs: no other process has it, wherever and whenever it runs.
    """

    host: str
    pid: int
    process: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of the log.

    Attributes
    ----------
    ended_at
        None while it runs; of one that crashed its last sign of life.
    seen_at
        Its last sign of life.
    process
        None where it is not known.
    error
        What went wrong, also in a run that completed; of one that was skipped the reason.
    """

    run_id: str
    flow: str
    as_of: datetime
    started_at: datetime
    ended_at: datetime | None
    seen_at: datetime
    state: str
    parameters: dict[str, Any]
    process: RunProcess | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NightBegun:
    """A night that worked on a ticker; `went_well` says that it ended with no failure at all."""

    as_of: datetime
    went_well: bool


def write_run_start(
    connection: Connection,
    *,
    run_id: str,
    flow: str,
    as_of: datetime,
    started_at: datetime,
    flow_run_id: str | None,
    parameters: Mapping[str, Any],
    versions: Mapping[str, str],
    process: RunProcess | None = None,
    seen_at: datetime | None = None,
) -> None:
    """Log that a run has begun, and where; `seen_at` is by the clock, also where `started_at` is not."""
    row = {
        "run_id": run_id,
        "flow": flow,
        "as_of": as_of,
        "started_at": started_at,
        "seen_at": seen_at or started_at,
        "state": "running",
        "flow_run_id": flow_run_id,
        "host": process and process.host,
        "pid": process and process.pid,
        "process": process and process.process,
        "parameters": dict(parameters),
        "versions": dict(versions),
    }
    connection.execute(runs.insert(), row)


def write_sign_of_life(connection: Connection, run_id: str, *, seen_at: datetime) -> bool:
    """Note that a run lives; returns whether it is still taken to be running."""
    row = runs.update().where(runs.c.run_id == run_id, runs.c.state == "running")
    return connection.execute(row.values(seen_at=seen_at)).rowcount == 1


def write_run_end(
    connection: Connection, run_id: str, *, state: State, ended_at: datetime, error: str | None
) -> None:
    """Log how a run ended; one that has ended, as one that was declared dead, keeps how.

    `error` says what went wrong, also in a run that completed.
    """
    row = runs.update().where(runs.c.run_id == run_id, runs.c.state == "running")
    connection.execute(row.values(state=state, ended_at=ended_at, error=error))


def read_nights_begun(connection: Connection, *, since: datetime) -> dict[str, list[NightBegun]]:
    """Return the nights as of `since` or later that named a ticker, by ticker, oldest first."""
    query = select(runs.c.as_of, runs.c.state, runs.c.error, runs.c.parameters).where(
        runs.c.flow == "nightly", runs.c.as_of >= since, runs.c.state != "skipped"
    )
    found: dict[str, list[NightBegun]] = {}
    for row in connection.execute(query.order_by(runs.c.as_of)):
        night = NightBegun(as_of=row.as_of, went_well=row.state == "completed" and row.error is None)
        for ticker in row.parameters.get("tickers") or ():
            found.setdefault(ticker, []).append(night)
    return found


def read_run(connection: Connection, run_id: str) -> Run | None:
    """Return a run, None where there is none."""
    found = _read(connection, runs.c.run_id == run_id)
    return found[0] if found else None


def read_running(connection: Connection) -> list[Run]:
    """Return the runs that have not ended, or died without a word, oldest first."""
    return _read(connection, runs.c.state == "running")


def read_runs_since_completed(connection: Connection) -> list[Run]:
    """Return the last completed run of each flow and all runs that began after it, oldest first."""
    completed = runs.alias("completed")
    last = (
        select(func.max(completed.c.started_at))
        .where(completed.c.flow == runs.c.flow, completed.c.state == "completed")
        .scalar_subquery()
    )
    return _read(connection, (runs.c.started_at >= last) | last.is_(None))


def read_last_run(connection: Connection) -> Run | None:
    """Return the run that started last, None where none ever did."""
    found = _read(connection, runs.c.started_at == select(func.max(runs.c.started_at)).scalar_subquery())
    return found[-1] if found else None


def _read(connection: Connection, condition: ColumnElement[bool]) -> list[Run]:
    columns = (runs.c[name] for name in _COLUMNS)
    found = connection.execute(select(*columns).where(condition).order_by(runs.c.started_at, runs.c.run_id))
    return [_make(dict(row)) for row in found.mappings()]


def _make(row: dict[str, Any]) -> Run:
    place = {name: row.pop(name) for name in ("host", "pid", "process")}
    return Run(**row, process=RunProcess(**place) if place["process"] else None)


_COLUMNS = (
    "run_id",
    "flow",
    "as_of",
    "started_at",
    "ended_at",
    "seen_at",
    "state",
    "parameters",
    "host",
    "pid",
    "process",
    "error",
)
