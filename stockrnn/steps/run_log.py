"""The row of a run: written as it begins, and as it ends, however it ends."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from stockrnn.errors import StockrnnError
from stockrnn.networks.libraries import library_version
from stockrnn.store.engine import writing
from stockrnn.store.runs import State, write_run_end, write_run_start

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
) -> Iterator[Log]:
    """Log a run that lasts as long as the block; one that is stopped, as by Ctrl-C or a signal, is `cancelled`."""
    log = Log(run_id=str(flow_run_id or uuid.uuid4()))
    with writing(engine) as connection:
        write_run_start(
            connection,
            run_id=log.run_id,
            flow=flow,
            as_of=as_of,
            started_at=now,
            flow_run_id=flow_run_id,
            parameters=parameters,
            versions={name: library_version(name) for name in _LIBRARIES},
        )
    try:
        yield log
    except BaseException as error:
        log.state, log.error = _explain_end(error)
        with suppress(StockrnnError):  # what ended the run is what is to be said
            _write_end(engine, log)
        raise
    _write_end(engine, log)


def _explain_end(error: BaseException) -> tuple[State, str]:
    if isinstance(error, StockrnnError):
        return "failed", str(error)
    if isinstance(error, Exception):
        return "failed", f"{type(error).__name__}: {error}"
    return "cancelled", "the run was stopped"


def _write_end(engine: Engine, log: Log) -> None:
    with writing(engine) as connection:
        write_run_end(connection, log.run_id, state=log.state, ended_at=datetime.now(UTC), error=log.error)
