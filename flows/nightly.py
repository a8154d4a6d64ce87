"""The night: update prices, score, retrain if due, backtest, forecast, report, for each ticker."""

import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from sqlalchemy import Engine

from flows import tasks
from flows.progress import current_progress
from stockrnn.errors import StockrnnError
from stockrnn.pipeline.apart import PatientTrainer, process_trainer
from stockrnn.pipeline.feed import open_feed
from stockrnn.pipeline.forecast import Issued
from stockrnn.pipeline.job import Job, require_fresh
from stockrnn.pipeline.retrain import Retrained
from stockrnn.pipeline.tickers import choose_specs, choose_tickers
from stockrnn.pipeline.train import Trainer
from stockrnn.pipeline.watch import find_warnings
from stockrnn.settings import Settings, load_settings
from stockrnn.store.engine import writing
from stockrnn.store.migrate import open_store
from stockrnn.store.runs import write_run_end, write_run_start
from stockrnn.types import Backtest, SourceName, Ticker, limit_as_of

LOG = logging.getLogger("stockrnn")

_MOST_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the night went for one ticker and spec; `error` says what stopped it, None where nothing did."""

    ticker: str
    spec: str
    retrained: Retrained | None = None
    issued: Issued | None = None
    backtest: Backtest | None = None
    report: Path | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """How the night went.

    Attributes
    ----------
    notes
        What is to be said of the models in use.
    """

    as_of: datetime
    outcomes: tuple[Outcome, ...]
    leaderboard: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def broken_trainings(self) -> tuple[str, ...]:
        """The trainings that failed while a model in use could go on: a line each, one for all that share a model."""
        lines = {
            one.retrained.failure: (
                f"{one.retrained.model.ticker or 'all tickers'}: the training of {one.spec} failed, "
                f"{one.retrained.model.model_id} stays in use: {one.retrained.failure}"
            )
            for one in self.outcomes
            if one.retrained and one.retrained.failure
        }
        return tuple(lines.values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What did not fail the night and is to be said of it."""
        return self.broken_trainings + self.notes

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers that were worked on."""
        return tuple(dict.fromkeys(outcome.ticker for outcome in self.outcomes))

    @property
    def failed(self) -> tuple[str, ...]:
        """The tickers that failed, with one spec or with all."""
        return tuple(dict.fromkeys(outcome.ticker for outcome in self.outcomes if outcome.error))

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong: a line a ticker, but one for all that a single outage stopped."""
        by_error: dict[str, list[str]] = {}
        for outcome in self.outcomes:
            if outcome.error and outcome.ticker not in by_error.setdefault(outcome.error, []):
                by_error[outcome.error].append(outcome.ticker)
        return tuple(
            error if error.startswith(f"{tickers[0]}:") else f"{_join(tickers)}: {error}"
            for error, tickers in by_error.items()
        )

    @property
    def summary(self) -> str:
        """One line: how many tickers were forecast, and which failed and why."""
        count = len(self.tickers)
        failures = "; ".join(self.failures)
        return f"{count - len(self.failed)} of {count} tickers done" + (f"; failed: {failures}" if failures else "")


def _join(tickers: Sequence[str]) -> str:
    more = len(tickers) - _MOST_NAMED
    return ", ".join(tickers[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _name_run() -> str:
    parameters = runtime.flow_run.parameters
    tickers = parameters.get("tickers") or ["all tickers"]
    as_of = parameters.get("as_of") or datetime.now(UTC)
    return f"nightly {', '.join(tickers)} as of {str(as_of)[:16]}"


@flow(name="nightly", flow_run_name=_name_run, persist_result=False)
def nightly(
    tickers: list[Ticker] | None = None,
    as_of: datetime | None = None,
    source: SourceName = "yahoo",
    spec: str | None = None,
    epochs: int | None = None,
) -> State[Night]:
    """Update prices, score, retrain what is due, backtest the last whole month, forecast, report.

    Args:
        tickers: Yahoo symbols; none means those of stockrnn.toml, else all active ones in the store.
        as_of: the run's "now", in UTC unless it has an offset; none means now. An earlier one gives hindcasts.
        source: where prices come from; "stored" downloads nothing, "simulated" is the built-in market.
        spec: the model configuration; none means all that are nightly in stockrnn.toml.
        epochs: train so many epochs instead of the specs'.
    """
    wall = datetime.now(UTC)
    settings, specs = choose_specs(load_settings(), spec, epochs=epochs)
    moment = _read_as_of(as_of or wall, wall, source)
    engine = open_store(settings)
    chosen = choose_tickers(settings, engine, tickers, source)
    parameters = {"tickers": chosen, "source": source, "specs": list(specs), "epochs": epochs}
    run_id = _start_run(engine, moment, wall, parameters)
    current_progress().begin(chosen)
    jobs = {
        ticker: [
            Job(settings=settings, engine=engine, ticker=ticker, spec_name=name, as_of=moment, wall=wall)
            for name in specs
        ]
        for ticker in chosen
    }
    trainer = PatientTrainer(process_trainer())
    failed = _update_prices(settings, [of_ticker[0] for of_ticker in jobs.values()], source)
    outcomes = [
        outcome
        for ticker, of_ticker in jobs.items()
        for outcome in _run_ticker(of_ticker, source, trainer, failed.get(ticker))
    ]
    night = Night(
        as_of=moment,
        outcomes=tuple(outcomes),
        leaderboard=_draw_leaderboard(settings, engine, moment),
        notes=find_warnings(settings, engine, as_of=moment, simulated=source == "simulated"),
    )
    return _end_run(engine, run_id, night)


def run_nightly(**parameters: Any) -> Night:  # noqa: ANN401  # the flow's own parameters
    """Run the flow in this process and return how the night went, also where every ticker failed.

    Raises
    ------
    StockrnnError
        The night could not begin.
    """
    try:
        state = nightly(**parameters, return_state=True)
    except RuntimeError as error:  # what Prefect raises when its API does not come up
        raise StockrnnError(f"Prefect could not run the night: {error}") from error
    result = state.result(raise_on_failure=False)
    if isinstance(result, Night):
        return result
    if isinstance(result, Exception):
        raise result
    raise StockrnnError(f"the night ended as {state.name}: {state.message}")


def _update_prices(settings: Settings, jobs: Sequence[Job], source: SourceName) -> dict[str, str]:
    """Update all tickers one after the other; return what went wrong, by ticker."""
    failed: dict[str, str] = {}
    with open_feed(settings, source) as feed:
        for job in jobs:
            with _keeping_failures(job, failed):
                tasks.update(job, feed)
    return failed


def _run_ticker(jobs: Sequence[Job], source: SourceName, trainer: Trainer, failure: str | None) -> list[Outcome]:
    """Run all other steps for one ticker, spec by spec; whatever goes wrong stays with it."""
    if failure is not None:
        outcomes = [Outcome(ticker=job.ticker, spec=job.spec_name, error=failure) for job in jobs]
    else:
        outcomes = [_run_spec(job, source, trainer) for job in jobs]
        outcomes = _draw_report(jobs, outcomes)
    current_progress().finish(jobs[0].ticker)
    return outcomes


def _run_spec(job: Job, source: SourceName, trainer: Trainer) -> Outcome:
    done: dict[str, Any] = {}
    failed: dict[str, str] = {}
    with _keeping_failures(job, failed):
        tasks.score(job)
        if source == "yahoo":
            require_fresh(job)
        done["retrained"] = tasks.retrain(job, trainer)
        # before the forecast, whose intervals rest on past errors: on a first night there are no others
        done["backtest"] = tasks.backtest(job, trainer)
        done["issued"] = tasks.forecast(job)
    return Outcome(ticker=job.ticker, spec=job.spec_name, error=failed.get(job.ticker), **done)


def _draw_report(jobs: Sequence[Job], outcomes: list[Outcome]) -> list[Outcome]:
    """Draw the ticker's report of the first spec that forecast it."""
    for place, (job, outcome) in enumerate(zip(jobs, outcomes, strict=True)):
        if outcome.issued is None:
            continue
        failed: dict[str, str] = {}
        with _keeping_failures(job, failed):
            outcomes[place] = replace(outcome, report=tasks.report(job))
        if failed:
            outcomes[place] = replace(outcome, error=failed[job.ticker])
        break
    return outcomes


def _draw_leaderboard(settings: Settings, engine: Engine, as_of: datetime) -> Path | None:
    """Draw it from what is stored; the night stands without it."""
    try:
        return tasks.leaderboard(settings, engine, as_of)
    except StockrnnError as error:
        LOG.error("%s", error)  # noqa: TRY400  # it explains itself
        return None


@contextmanager
def _keeping_failures(job: Job, failed: dict[str, str]) -> Iterator[None]:
    """Note what goes wrong inside the block instead of raising it: a bad ticker never stops the others."""
    try:
        yield
    except StockrnnError as error:
        if str(error) not in failed.values():  # an outage is said once, not once a ticker
            LOG.error("%s", error)  # noqa: TRY400  # it explains itself; a traceback would only hide it
        failed[job.ticker] = str(error)
    except Exception as error:
        failed[job.ticker] = f"{job.ticker}: {type(error).__name__}: {error}"
        LOG.exception("%s: unexpected failure", job.ticker)


def _read_as_of(as_of: datetime, wall: datetime, source: SourceName) -> datetime:
    moment = (as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)).astimezone(UTC)
    return moment if source == "simulated" else limit_as_of(moment, wall=wall)


def _start_run(engine: Engine, as_of: datetime, wall: datetime, parameters: dict[str, Any]) -> str:
    flow_run_id = runtime.flow_run.id
    run_id = str(flow_run_id or uuid.uuid4())
    with writing(engine) as connection:
        write_run_start(
            connection,
            run_id=run_id,
            flow="nightly",
            as_of=as_of,
            started_at=wall,
            flow_run_id=flow_run_id,
            parameters=parameters,
            versions={name: version(name) for name in ("stockrnn", "prefect", "tensorflow", "keras")},
        )
    return run_id


def _end_run(engine: Engine, run_id: str, night: Night) -> State[Night]:
    for warning in night.warnings:
        LOG.warning("%s", warning)
    said = [night.summary] if night.failed else []
    all_failed = all(outcome.error for outcome in night.outcomes)
    with writing(engine) as connection:
        write_run_end(
            connection,
            run_id,
            state="failed" if all_failed else "completed",
            ended_at=datetime.now(UTC),
            error="; ".join([*said, *night.broken_trainings]) or None,
        )
    make_state = Failed if all_failed else Completed
    return make_state(message=night.summary, data=night)
