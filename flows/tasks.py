"""The steps of the night as Prefect tasks. Nothing is cached: what is done already, the database knows."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from sqlalchemy import Engine

from stockrnn.errors import HoldoutError, NotEnoughHistoryError, StoreUnreachableError
from stockrnn.progress import announcing, current_progress
from stockrnn.settings import Settings
from stockrnn.steps.backtest import backtest_holdout, last_whole_month
from stockrnn.steps.feed import Feed, update_prices
from stockrnn.steps.forecast import Issued, forecast_next
from stockrnn.steps.job import Job
from stockrnn.steps.report import write_leaderboard, write_report
from stockrnn.steps.retrain import Retrained, describe_retrained, retrain_if_due
from stockrnn.steps.score import Scored, score_forecasts
from stockrnn.training.train import Trainer
from stockrnn.types import Backtest, Span

P = ParamSpec("P")
R = TypeVar("R")


def _is_worth_it(_task: object, _run: object, state: State[object]) -> bool:
    """Whether a step may do better at once: where the database went away in the middle; it is waited for."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, StoreUnreachableError) and error.lost


def _step(name: str, *, of_spec: bool = True) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a task whose run is called `TICKER: SPEC, name` in the UI, or `TICKER: name` where no spec matters."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        return task(
            name=name,
            task_run_name=f"{{job.ticker}}: {{job.spec_name}}, {name}" if of_spec else f"{{job.ticker}}: {name}",
            cache_policy=NO_CACHE,
            retries=2,
            retry_delay_seconds=[1, 10],
            retry_condition_fn=_is_worth_it,
        )(function)

    return decorate


@_step("update prices", of_spec=False)
def update(job: Job, feed: Feed | None) -> None:
    """Bring the ticker's prices up to date."""
    written = update_prices(job, feed)
    if written is not None:
        current_progress().step(job.ticker, f"prices: {written}")


@_step("score")
def score(job: Job) -> Scored:
    """Score the forecasts whose session has settled, and note missed nights."""
    scored = score_forecasts(job)
    if scored.new or scored.again:
        current_progress().step(job.ticker, f"scores: {scored.new} new, {scored.again} again after a revision")
    if scored.missed:
        current_progress().step(job.ticker, f"nights missed since the last run: {len(scored.missed)}")
    return scored


@_step("retrain")
def retrain(job: Job, trainer: Trainer, *, force: bool = False) -> Retrained:
    """Train the ticker's model if it is due, and take it into use unless it may be worse."""
    progress = current_progress()
    shown = announcing(progress, job.ticker, f"{job.spec_name} model", epochs=job.spec.max_epochs)
    retrained = retrain_if_due(job, force=force, trainer=trainer, on_epoch=shown)
    for line in describe_retrained(retrained, spec=job.spec_name):
        progress.step(job.ticker, line)
    return retrained


@_step("forecast")
def forecast(job: Job) -> Issued:
    """Forecast the next session."""
    issued = forecast_next(job)
    made = issued.forecast
    words = f"{made.spec} forecasts" if issued.new else f"{made.spec}: the forecast stands:"
    behind = f"; sessions closed since: {issued.sessions_behind}" if issued.sessions_behind else ""
    current_progress().step(
        job.ticker,
        f"{words} {made.target} of {made.target_session} {made.predicted:.2f}, naive {made.naive:.2f}, "
        f"last close {made.last_close:.2f} ({made.kind}){behind}",
    )
    return issued


@_step("backtest")
def backtest(job: Job, trainer: Trainer, *, month: Span | None = None) -> Backtest | None:
    """Backtest a month, the last whole one if none is named; None where the history is too short for it."""
    progress = current_progress()
    holdout = month or last_whole_month(job)
    shown = announcing(progress, job.ticker, f"model for the backtest of {holdout}", epochs=job.spec.max_epochs)
    try:
        done = backtest_holdout(job, holdout, in_use=month is None, trainer=trainer, on_epoch=shown)
    except (HoldoutError, NotEnoughHistoryError) as error:
        progress.step(job.ticker, f"{job.spec_name}: no backtest: {error}")
        return None
    metrics = done.backtest.metrics
    progress.step(
        job.ticker,
        f"{job.spec_name}: backtest of {holdout}, {len(done.backtest.forecasts)} sessions: mean absolute error "
        f"{metrics[job.spec_name]['mae']:.4f}, naive {metrics['naive']['mae']:.4f}, "
        f"last close {metrics['last_close']['mae']:.4f}",
    )
    return done.backtest


@_step("report", of_spec=False)
def report(job: Job) -> Path:
    """Draw the ticker's PNG."""
    path = write_report(job)
    current_progress().step(job.ticker, f"report: {path}")
    return path


@task(name="leaderboard", task_run_name="leaderboard", cache_policy=NO_CACHE)
def leaderboard(settings: Settings, engine: Engine, as_of: datetime) -> Path | None:
    """Draw specs and baselines over all tickers; None where nothing was forecast or tested yet."""
    return write_leaderboard(settings, engine, as_of=as_of)
