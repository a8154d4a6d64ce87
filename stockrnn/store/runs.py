"""Read and write the log of runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from stockrnn.store.schema import runs

State = Literal["completed", "failed", "cancelled"]
"""How a run may end; `cancelled` is one that was stopped by a signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of the log; `ended_at` is None while it runs, and for good where its process was killed."""

    run_id: str
    flow: str
    as_of: datetime
    started_at: datetime
    ended_at: datetime | None
    state: str
    parameters: dict[str, Any]
    error: str | None


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
) -> None:
    """Log that a run has begun."""
    row = {
        "run_id": run_id,
        "flow": flow,
        "as_of": as_of,
        "started_at": started_at,
        "state": "running",
        "flow_run_id": flow_run_id,
        "parameters": dict(parameters),
        "versions": dict(versions),
    }
    connection.execute(runs.insert(), row)


def write_run_end(
    connection: Connection, run_id: str, *, state: State, ended_at: datetime, error: str | None
) -> None:
    """Log how a run ended; `error` says what went wrong, also in a run that completed."""
    connection.execute(
        runs.update().where(runs.c.run_id == run_id).values(state=state, ended_at=ended_at, error=error)
    )


def read_completed_run(
    connection: Connection, *, flow: str, since: datetime, parameters: Mapping[str, Any]
) -> datetime | None:
    """Return when a run of the same flow and parameters started that began at `since` or later and had no failure."""
    query = select(runs.c.started_at, runs.c.parameters).where(
        runs.c.flow == flow, runs.c.started_at >= since, runs.c.state == "completed", runs.c.error.is_(None)
    )
    found = connection.execute(query.order_by(runs.c.started_at)).all()
    return next((row.started_at for row in found if row.parameters == parameters), None)


def read_last_run(connection: Connection) -> Run | None:
    """Return the run that started last, None where none ever did."""
    query = select(
        runs.c.run_id,
        runs.c.flow,
        runs.c.as_of,
        runs.c.started_at,
        runs.c.ended_at,
        runs.c.state,
        runs.c.parameters,
        runs.c.error,
    ).order_by(runs.c.started_at.desc())
    row = connection.execute(query.limit(1)).mappings().one_or_none()
    return Run(**row) if row else None
