"""The row of a run: written as it begins, and as it ends, however it ends."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict

from sqlalchemy import Connection, Engine

from stockrnn.errors import StockrnnError, StoreError
from stockrnn.networks.libraries import library_version
from stockrnn.settings import Settings
from stockrnn.steps.run_process import explain_death, this_process
from stockrnn.steps.signs_of_life import FindVerdict, find_none, giving_signs_of_life
from stockrnn.store.engine import make_engine, writing
from stockrnn.store.folder import find_file
from stockrnn.store.migrate import open_store
from stockrnn.store.runs import State, read_running, write_run_end, write_run_start
from stockrnn.store.url import read_url

_LIBRARIES = ("stockrnn", "prefect", "tensorflow", "keras")


@dataclass(slots=True)
class Log:
    """How a run went, to be filled in by it.

    Attributes
    ----------
    error
        What went wrong, also in a run that completed; None where nothing did.
    """

    run_id: str
    state: State = "completed"
    error: str | None = None


@contextmanager
def logged_run(
    engine: Engine,
    flow: str,
    *,
    as_of: datetime,
    now: datetime,
    parameters: Mapping[str, object],
    flow_run_id: str | None = None,
    attempt: int = 1,
    find_verdict: FindVerdict = find_none,
) -> Iterator[Log]:
    """Log a run that lasts as long as the block; one that is stopped, as by Ctrl-C or a signal, is `cancelled`.

    Runs that died without a word are noted as `crashed` as it begins. While it lives it gives signs of life.
    """
    log = Log(run_id=_name_run(flow_run_id, attempt))
    with writing(engine) as connection:
        _begin(
            connection,
            _Row(
                run_id=log.run_id,
                flow=flow,
                as_of=as_of,
                started_at=now,
                flow_run_id=flow_run_id,
                parameters=parameters,
            ),
        )
    try:
        with giving_signs_of_life(engine, log.run_id, find_verdict=find_verdict):
            yield log
    except BaseException as error:
        log.state, log.error = explain_end(error)
        with suppress(StockrnnError):  # what ended the run is what is to be said
            _write_end(engine, log)
        raise
    _write_end(engine, log)


def log_run_without_work(
    settings: Settings,
    flow: str,
    reason: str,
    *,
    state: State,
    as_of: datetime | None,
    parameters: Mapping[str, object],
    flow_run_id: str | None = None,
    attempt: int = 1,
) -> None:
    """Log a run that ended before it began anything, where there is a store that takes the row.

    A run whose row is there already keeps it.
    """
    now, run_id = datetime.now(UTC), _name_run(flow_run_id, attempt)
    with suppress(StockrnnError):
        engine = _open_if_there(settings)
        if engine is None:
            return
        with writing(engine) as connection:
            _begin(
                connection,
                _Row(
                    run_id=run_id,
                    flow=flow,
                    as_of=as_of or now,
                    started_at=now,
                    flow_run_id=flow_run_id,
                    parameters=parameters,
                ),
            )
            write_run_end(connection, run_id, state=state, ended_at=now, error=reason)
        engine.dispose()


def _open_if_there(settings: Settings) -> Engine | None:
    """Open the store, also one that can't be worked on; None where its file is gone or empty."""
    path = find_file(read_url(settings))
    if path is not None and not (path.exists() and path.stat().st_size):
        return None
    try:
        return open_store(settings, create=False)
    except StoreError:  # one of a newer version may still take a row
        return make_engine(settings)


def explain_end(error: BaseException) -> tuple[State, str]:
    """Return how a run ends that an error ends, and what is said of it."""
    if isinstance(error, StockrnnError):
        return "failed", str(error)
    if isinstance(error, Exception):
        return "failed", f"{type(error).__name__}: {error}"
    return "cancelled", "the run was stopped"


def _name_run(flow_run_id: str | None, attempt: int) -> str:
    """Return the row's key: Prefect's id where there is one, which the second attempt of a retried run has, too."""
    return (flow_run_id or str(uuid.uuid4())) + (f"-{attempt}" if attempt > 1 else "")


class _Row(TypedDict):
    """What a run's row says of its beginning."""

    run_id: str
    flow: str
    as_of: datetime
    started_at: datetime
    flow_run_id: str | None
    parameters: Mapping[str, object]


def _begin(connection: Connection, row: _Row) -> None:
    """Write the row of a run that begins; note those that died without a word."""
    now = datetime.now(UTC)
    for run in read_running(connection):
        reason = explain_death(run, now=now)
        if reason:
            write_run_end(connection, run.run_id, state="crashed", ended_at=run.seen_at, error=reason)
    row["parameters"] = json.loads(json.dumps(row["parameters"], default=str))
    versions = {name: library_version(name) for name in _LIBRARIES}
    write_run_start(connection, **row, versions=versions, process=this_process(), seen_at=now)


def _write_end(engine: Engine, log: Log) -> None:
    with writing(engine) as connection:
        write_run_end(connection, log.run_id, state=log.state, ended_at=datetime.now(UTC), error=log.error)
