"""What all flows share: their names, their store, failures in one line, and runs that do one thing for each job."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from prefect import get_client, runtime
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Completed, Failed
from sqlalchemy import Engine

from flows.prefect_home import has_server
from flows.tasks import run_as_task
from stockrnn.errors import StockrnnError
from stockrnn.settings import Settings, load_settings
from stockrnn.steps.failures import group_failures, join_tickers, keeping_failures, summarize
from stockrnn.steps.moment import start_run
from stockrnn.steps.run import Job, Run
from stockrnn.steps.run_log import Log, explain_end, log_run_without_work, logged_run
from stockrnn.steps.signs_of_life import Verdict
from stockrnn.store.migrate import open_store
from stockrnn.store.runs import State as RunState

P = ParamSpec("P")
R = TypeVar("R")

LOG = logging.getLogger("stockrnn")

_MAX_IN_NAME = 3
_ANSWER_SECONDS = 10.0
"""How long a run that lives waits for the server: meanwhile it gives no sign of life."""


class _ExplainedFilter(logging.Filter):
    """Drops the traceback that Prefect's engine logs after a run whose error explains itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], StockrnnError))


_EXPLAINED = _ExplainedFilter()


def name_run() -> str:
    """Return what a run is called in the UI: its flow, its tickers, the month if one is named, and its moment."""
    run = runtime.flow_run
    tickers = join_tickers(run.parameters.get("tickers") or ["all tickers"], max_named=_MAX_IN_NAME)
    month = run.parameters.get("holdout")
    as_of = run.parameters.get("as_of") or datetime.now(UTC)
    return f"{run.flow_name} {tickers}{f', {month}' if month else ''} as of {str(as_of)[:16].replace('T', ' ')}"


@contextmanager
def opened_store(settings: Settings) -> Iterator[Engine]:
    """Open the store for a run, which waits for a database that is just being restarted."""
    engine = open_store(settings, wait=True)
    try:
        yield engine
    finally:
        engine.dispose()


def make_run(settings: Settings, engine: Engine) -> Run:
    """Return a run as of now."""
    return start_run(settings, engine, as_of=None, now=datetime.now(UTC))


@contextmanager
def logged(run: Run, parameters: dict[str, Any]) -> Iterator[Log]:
    """Log a run under the name of its flow run."""
    flow_run = runtime.flow_run
    with logged_run(
        run.engine,
        flow_run.flow_name,
        as_of=run.as_of,
        now=run.now,
        parameters=parameters,
        flow_run_id=flow_run.id,
        attempt=flow_run.run_count,
        find_verdict=partial(_find_verdict, flow_run.id),
    ) as log:
        yield log


def log_without_work(settings: Settings, reason: str, *, state: RunState) -> None:
    """Log a flow run that ended before it began anything, with the parameters that it was asked for."""
    flow_run = runtime.flow_run
    log_run_without_work(
        settings,
        flow_run.flow_name,
        reason,
        state=state,
        as_of=_read_asked_as_of(),
        parameters=flow_run.parameters,
        flow_run_id=flow_run.id,
        attempt=flow_run.run_count,
    )


def _read_asked_as_of() -> datetime | None:
    asked = runtime.flow_run.parameters.get("as_of")
    if asked is None:
        return None
    as_of = datetime.fromisoformat(str(asked))
    return as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)


def _find_verdict(flow_run_id: str) -> Verdict | None:
    """Return how the Prefect server has ended a run that lives, as where it heard no sign of life for too long."""
    if not has_server():
        return None
    once = temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0})  # it is asked again anyway
    with once, get_client(sync_client=True, httpx_settings={"timeout": _ANSWER_SECONDS}) as client:
        state = client.read_flow_run(UUID(flow_run_id)).state
    if state is None or not state.is_final():
        return None
    words = f"Prefect's server ended it as {state.name}" + (f": {state.message}" if state.message else "")
    return Verdict(state="crashed" if state.is_crashed() else "cancelled", reason=words)


def explaining(run: Callable[P, State[R]]) -> Callable[P, State[R]]:
    """Let a flow that can't go on end as failed with the error's line; a traceback would only hide it.

    One that fails before its row was written leaves a row, too.
    """

    @wraps(run)
    def explained(*parts: P.args, **options: P.kwargs) -> State[R]:
        if LOG.level == logging.NOTSET:  # in a worker; the command line has set it
            LOG.setLevel(logging.INFO)
        logging.getLogger("prefect.flow_runs").addFilter(_EXPLAINED)
        try:
            return run(*parts, **options)
        except Exception as error:
            with suppress(StockrnnError):
                log_without_work(load_settings(), explain_end(error)[1], state="failed")
            if not isinstance(error, StockrnnError):
                raise
            return Failed(message=str(error), data=error)

    return explained


def run_jobs(
    name: str,
    jobs: Sequence[Job],
    *,
    log: Log,
    work: Callable[[Job], object],
    then: Callable[[], Sequence[Job]] = tuple,
) -> State:
    """Run one step for each job as a task; a run that failed for all of them has failed.

    then: what is done once after that; returns the jobs that have to be worked on again.
    """
    failed: dict[str, str] = {}
    for job in _follow(jobs, then):
        with keeping_failures(job.ticker, failed):
            run_as_task(name, f"{job.ticker}: {job.spec_name}, {name}", lambda: work(job))  # noqa: B023  # runs at once
    tickers = list(dict.fromkeys(job.ticker for job in jobs))
    summary = summarize(tickers, list(failed), group_failures(failed.items()))
    all_failed = len(failed) == len(tickers)
    log.state, log.error = "failed" if all_failed else "completed", summary if failed else None
    if all_failed:
        return Failed(message=summary, data=StockrnnError(summary))
    return Completed(message=summary)


def _follow(jobs: Sequence[Job], then: Callable[[], Sequence[Job]]) -> Iterator[Job]:
    yield from jobs
    yield from then()
