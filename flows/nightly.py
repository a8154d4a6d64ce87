"""The night: update prices, score, retrain if due, backtest, forecast, report, for each ticker."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field
from sqlalchemy import Engine

from flows import tasks
from flows.artifacts import has_server, publish, show_progress
from flows.batch import (
    end_run,
    explaining,
    group_failures,
    keeping_failures,
    name_run,
    opened_store,
    start_run,
    summarize,
)
from flows.trainers import backtesting, open_trainer, retraining
from stockrnn.errors import StockrnnError
from stockrnn.progress import current_progress
from stockrnn.settings import Settings, load_settings
from stockrnn.sources.registry import DEFAULT_SOURCE, SourceName, get_source
from stockrnn.sources.source import Source
from stockrnn.steps.feed import open_feed
from stockrnn.steps.forecast import Issued
from stockrnn.steps.job import Job, require_fresh
from stockrnn.steps.model_monitoring import monitor_models
from stockrnn.steps.retrain import Retrained
from stockrnn.steps.score import Scored
from stockrnn.steps.tickers import choose_specs, choose_tickers, had_session
from stockrnn.store.engine import reading
from stockrnn.store.runs import read_completed_run
from stockrnn.training.train import Trainer
from stockrnn.types import Backtest, Ticker, limit_as_of

LOG = logging.getLogger("stockrnn")

Epochs = Annotated[int, Field(ge=1, le=100_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the night went for one ticker and spec; `error` says what stopped it, None where nothing did."""

    ticker: str
    spec: str
    scored: Scored | None = None
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
        return group_failures((outcome.ticker, outcome.error) for outcome in self.outcomes if outcome.error)

    @property
    def summary(self) -> str:
        """One line: how many tickers were forecast, and which failed and why."""
        return summarize(self.tickers, self.failed, self.failures)


@flow(name="nightly", flow_run_name=name_run, persist_result=False)
@explaining
def nightly(  # noqa: PLR0917  # the fields of a form in the UI
    tickers: list[Ticker] | None = None,
    as_of: datetime | None = None,
    source: SourceName = DEFAULT_SOURCE,
    spec: str | None = None,
    epochs: Epochs | None = None,
    sessions_only: bool = False,  # noqa: FBT001, FBT002  # a check box in the UI
) -> State[Night]:
    """Update prices, score, retrain what is due, backtest the last whole month, forecast, report.

    Args:
        tickers: Yahoo symbols; none means those of stockrnn.toml, else all active ones in the store.
        as_of: The run's "now", in UTC unless it has an offset; none means now. An earlier one gives hindcasts.
        source: Where prices come from; "stored" downloads nothing, "simulated" is the built-in market.
        spec: The model configuration; none means all that are nightly in stockrnn.toml.
        epochs: Train so many epochs instead of the specs'.
        sessions_only: End at once where no exchange had a session in the 24 hours before, as the schedule wants it.
    """
    now = datetime.now(UTC)
    settings, specs = choose_specs(load_settings(), spec, epochs=epochs)
    prices_from = get_source(source)
    moment = _read_as_of(as_of or now, now, prices_from)
    with opened_store(settings) as engine:
        chosen = choose_tickers(settings, engine, tickers, prices_from)
        parameters = {"tickers": chosen, "source": source, "specs": list(specs), "epochs": epochs}
        needless = _find_needless(settings, engine, parameters, as_of=moment) if sessions_only else None
        if needless:
            return Completed(name="Skipped", message=needless)
        run_id = start_run(engine, "nightly", as_of=moment, now=now, parameters=parameters)
        jobs = [
            [
                Job(settings=settings, engine=engine, ticker=ticker, spec_name=name, as_of=moment, now=now)
                for name in specs
            ]
            for ticker in chosen
        ]
        with show_progress():
            outcomes = _run_tickers(settings, jobs, prices_from)
        night = Night(
            as_of=moment,
            outcomes=outcomes,
            leaderboard=_draw_leaderboard(settings, engine, moment),
            notes=monitor_models(settings, engine, as_of=moment, simulated=prices_from.simulated),
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


def _find_needless(
    settings: Settings, engine: Engine, parameters: Mapping[str, Any], *, as_of: datetime
) -> str | None:
    """Say why a scheduled night has nothing to do; None where it has."""
    if not had_session(settings, engine, parameters["tickers"], as_of=as_of):
        return f"no exchange of these tickers had a session in the 24 hours before {as_of:%Y-%m-%d %H:%M} UTC"
    due = runtime.flow_run.scheduled_start_time
    with reading(engine) as connection:
        done = read_completed_run(connection, flow="nightly", since=due, parameters=parameters)
    return f"the run of {done:%Y-%m-%d %H:%M} UTC, begun after this one was due, has done it" if done else None


def _run_tickers(settings: Settings, jobs: Sequence[Sequence[Job]], source: Source) -> tuple[Outcome, ...]:
    """Run all steps for each ticker, whose jobs, one a spec, stand together."""
    current_progress().begin([of_ticker[0].ticker for of_ticker in jobs])
    failed = _update_prices(settings, [of_ticker[0] for of_ticker in jobs], source)
    fit = [job for of_ticker in jobs for job in of_ticker if job.ticker not in failed]
    steps = [retraining(only_fresh=source.needs_network), backtesting()]
    with open_trainer(settings, fit, steps) as trainer:
        return tuple(
            outcome
            for of_ticker in jobs
            for outcome in _run_ticker(of_ticker, source, trainer, failed.get(of_ticker[0].ticker))
        )


def _update_prices(settings: Settings, jobs: Sequence[Job], source: Source) -> dict[str, str]:
    """Update all tickers one after the other; return what went wrong, by ticker."""
    failed: dict[str, str] = {}
    with open_feed(settings, source) as feed:
        for job in jobs:
            with keeping_failures(job, failed):
                tasks.update(job, feed)
    return failed


def _run_ticker(jobs: Sequence[Job], source: Source, trainer: Trainer, failure: str | None) -> list[Outcome]:
    """Run all other steps for one ticker, spec by spec; whatever goes wrong stays with it."""
    if failure is not None:
        outcomes = [Outcome(ticker=job.ticker, spec=job.spec_name, error=failure) for job in jobs]
    else:
        outcomes = [_run_spec(job, source, trainer) for job in jobs]
        outcomes = _draw_report(jobs, outcomes)
    current_progress().finish(jobs[0].ticker)
    return outcomes


def _run_spec(job: Job, source: Source, trainer: Trainer) -> Outcome:
    done: dict[str, Any] = {}
    failed: dict[str, str] = {}
    with keeping_failures(job, failed):
        done["scored"] = tasks.score(job)
        if source.needs_network:
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
        with keeping_failures(job, failed):
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


def _publish(night: Night, engine: Engine) -> None:
    """Show the night in the UI, where there is one; the night stands without it."""
    if not has_server():
        return
    try:
        publish(night, engine)
    except Exception:
        LOG.exception("the artifacts of the night could not be written")


def _read_as_of(as_of: datetime, now: datetime, source: Source) -> datetime:
    moment = (as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)).astimezone(UTC)
    return moment if source.simulated else limit_as_of(moment, now=now)


def _end_run(engine: Engine, run_id: str, night: Night) -> State[Night]:
    for warning in night.warnings:
        LOG.warning("%s", warning)
    _publish(night, engine)
    said = [night.summary] if night.failed else []
    all_failed = all(outcome.error for outcome in night.outcomes)
    end_run(engine, run_id, failed=all_failed, error="; ".join([*said, *night.broken_trainings]) or None)
    make_state = Failed if all_failed else Completed
    return make_state(message=night.summary, data=night)
