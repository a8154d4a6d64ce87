"""What all flows share: the row of the run, failures that stay with their ticker, and how both are put into words."""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from importlib.metadata import version
from typing import Any, ParamSpec, TypeVar

from prefect import runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from sqlalchemy import Engine

from stockrnn.errors import StockrnnError, StoreUnreachableError
from stockrnn.settings import Settings
from stockrnn.steps.job import Job
from stockrnn.store.engine import writing
from stockrnn.store.migrate import open_store
from stockrnn.store.runs import write_run_end, write_run_start

P = ParamSpec("P")
R = TypeVar("R")

LOG = logging.getLogger("stockrnn")

_MAX_NAMED = 10
_MAX_IN_NAME = 3


def name_run() -> str:
    """Return what a run is called in the UI: its flow, its tickers, the month if one is named, and its moment."""
    run = runtime.flow_run
    tickers = _join(run.parameters.get("tickers") or ["all tickers"], most=_MAX_IN_NAME)
    month = run.parameters.get("holdout")
    as_of = run.parameters.get("as_of") or datetime.now(UTC)
    return f"{run.flow_name} {tickers}{f', {month}' if month else ''} as of {str(as_of)[:16].replace('T', ' ')}"


def start_run(engine: Engine, flow: str, *, as_of: datetime, now: datetime, parameters: dict[str, Any]) -> str:
    """Write the row of a run that begins; returns its name."""
    flow_run_id = runtime.flow_run.id
    run_id = str(flow_run_id or uuid.uuid4())
    with writing(engine) as connection:
        write_run_start(
            connection,
            run_id=run_id,
            flow=flow,
            as_of=as_of,
            started_at=now,
            flow_run_id=flow_run_id,
            parameters=parameters,
            versions={name: version(name) for name in ("stockrnn", "prefect", "tensorflow", "keras")},
        )
    return run_id


def end_run(engine: Engine, run_id: str, *, failed: bool, error: str | None) -> None:
    """Write how a run ended."""
    with writing(engine) as connection:
        write_run_end(
            connection,
            run_id,
            state="failed" if failed else "completed",
            ended_at=datetime.now(UTC),
            error=error,
        )


@contextmanager
def opened_store(settings: Settings) -> Iterator[Engine]:
    """Open the store for a run, which waits for a database that is just being restarted."""
    engine = open_store(settings, wait=True)
    try:
        yield engine
    finally:
        engine.dispose()


def explaining(run: Callable[P, State[R]]) -> Callable[P, State[R]]:
    """Let a flow that can't go on end as failed with the error's line; a traceback would only hide it."""

    @wraps(run)
    def explained(*parts: P.args, **options: P.kwargs) -> State[R]:
        if LOG.level == logging.NOTSET:  # in a worker; the command line has set it
            LOG.setLevel(logging.INFO)
        try:
            return run(*parts, **options)
        except StockrnnError as error:
            return Failed(message=str(error), data=error)

    return explained


@contextmanager
def keeping_failures(job: Job, failed: dict[str, str]) -> Iterator[None]:
    """Note what goes wrong inside the block instead of raising it: a bad ticker never stops the others.

    Raises
    ------
    StoreUnreachableError
        No ticker could go on.
    """
    try:
        yield
    except StoreUnreachableError:
        raise
    except StockrnnError as error:
        if str(error) not in failed.values():  # an outage is said once, not once a ticker
            LOG.error("%s", error)  # noqa: TRY400  # it explains itself; a traceback would only hide it
        failed[job.ticker] = str(error)
    except Exception as error:
        failed[job.ticker] = f"{job.ticker}: {type(error).__name__}: {error}"
        LOG.exception("%s: unexpected failure", job.ticker)


def group_failures(failures: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return a line a ticker that failed, but one for all that a single outage stopped."""
    by_error: dict[str, list[str]] = {}
    for ticker, error in failures:
        if ticker not in by_error.setdefault(error, []):
            by_error[error].append(ticker)
    return tuple(
        error if error.startswith(f"{tickers[0]}:") else f"{_join(tickers)}: {error}"
        for error, tickers in by_error.items()
    )


def summarize(tickers: Sequence[str], failed: Sequence[str], failures: Sequence[str]) -> str:
    """Say in one line how many tickers are done, and which failed and why."""
    words = f"{len(tickers) - len(failed)} of {len(tickers)} tickers done"
    return words + (f"; failed: {'; '.join(failures)}" if failures else "")


def _join(tickers: Sequence[str], *, most: int = _MAX_NAMED) -> str:
    more = len(tickers) - most
    return ", ".join(tickers[:most]) + (f" and {more} more" if more > 0 else "")


def run_jobs(flow: str, jobs: Sequence[Job], *, parameters: dict[str, Any], work: Callable[[Job], object]) -> State:
    """Do one thing for each job; a run that failed for all of them has failed."""
    first = jobs[0]
    run_id = start_run(first.engine, flow, as_of=first.as_of, now=first.now, parameters=parameters)
    failed: dict[str, str] = {}
    for job in jobs:
        with keeping_failures(job, failed):
            work(job)
    tickers = list(dict.fromkeys(job.ticker for job in jobs))
    summary = summarize(tickers, list(failed), group_failures(failed.items()))
    all_failed = len(failed) == len(tickers)
    end_run(first.engine, run_id, failed=all_failed, error=summary if failed else None)
    return (Failed if all_failed else Completed)(message=summary)


def make_jobs(
    settings: Settings, engine: Engine, tickers: Sequence[str], specs: Sequence[str], *, now: datetime
) -> list[Job]:
    """Return a job a ticker and spec, as of now."""
    return [
        Job(settings=settings, engine=engine, ticker=ticker, spec_name=spec, as_of=now, now=now)
        for ticker in tickers
        for spec in specs
    ]
