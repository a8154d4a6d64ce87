"""The night: the order of its steps, what a failure stops, and how it went. Knows no Prefect.

    update prices -> score -> retrain if due -> backtest -> forecast -> report -> leaderboard

Prices of all tickers come first; then every training that is due begins, as far as there is room, and each ticker
goes through the other steps, spec by spec.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from stockrnn.errors import HoldoutError, NotEnoughHistoryError, StockrnnError
from stockrnn.progress import Progress, current_progress
from stockrnn.sources.source import Source
from stockrnn.steps import backtest, retrain
from stockrnn.steps.describe import describe_backtested, describe_issued, describe_scored
from stockrnn.steps.exchange import explain_ends
from stockrnn.steps.exchange_sessions import believe_source
from stockrnn.steps.failures import keeping_failures
from stockrnn.steps.feed import Feed, open_feed, update_prices
from stockrnn.steps.forecast import Issued, forecast_next
from stockrnn.steps.liveness import explain_late_night
from stockrnn.steps.model_monitoring import monitor_models
from stockrnn.steps.outcomes import Night, Outcome, noting_short_history, settle_postponed
from stockrnn.steps.planning import Plan, PlannedTrainings, begin_trainings
from stockrnn.steps.report import write_leaderboard, write_report
from stockrnn.steps.retrain import Retrained, describe_retrained
from stockrnn.steps.run import Job, Run
from stockrnn.steps.score import Scored, score_forecasts
from stockrnn.training.requests import TrainingRequest
from stockrnn.training.trainer import Trainer
from stockrnn.types import Backtest

LOG = logging.getLogger("stockrnn")
T = TypeVar("T")


class RunStep(Protocol):
    """Runs a step: plainly, or as a task of something that shows and retries it."""

    def __call__(self, name: str, label: str, work: Callable[[], T], /) -> T:
        """Return what `work` returns; `name` is the step's, `label` that of this run of it."""


def run_plainly(_name: str, _label: str, work: Callable[[], T], /) -> T:
    """Run a step here and now."""
    return work()


def run_night(
    run: Run,
    tickers: Sequence[str],
    specs: Sequence[str],
    *,
    source: Source,
    trainer: Trainer,
    run_step: RunStep = run_plainly,
) -> Night:
    """Run all steps for every ticker and spec; whatever goes wrong stays with its ticker.

    Raises
    ------
    StoreUnreachableError
        No ticker could go on.
    """
    progress = current_progress()
    progress.begin(tickers)
    failed, believed = _update_all(run, tickers, source, run_step)
    fit = run.jobs([ticker for ticker in tickers if ticker not in failed], specs)
    steps = _Steps(
        run=run,
        source=source,
        trainer=trainer,
        run_step=run_step,
        progress=progress,
        planned=begin_trainings(fit, _make_plans(source), trainer),
    )
    outcomes = [outcome for ticker in tickers for outcome in steps.run_ticker(ticker, specs, failed.get(ticker))]
    return Night(
        as_of=run.as_of,
        outcomes=tuple(outcomes),
        leaderboard=steps.draw_leaderboard(),
        notes=believed + _make_notes(run, outcomes, source),
    )


def _make_notes(run: Run, outcomes: Sequence[Outcome], source: Source) -> tuple[str, ...]:
    """Say what is to be said of when the night was run, and of the models in use."""
    monitored = monitor_models(
        run.settings,
        run.engine,
        as_of=run.moment(simulated=source.simulated),
        simulated=source.simulated,
    )
    issued = [one.forecast for one in outcomes if one.forecast]
    calendars = {one.ticker: run.history(one.ticker).calendar for one in issued if one.kind == "live"}
    return explain_ends(calendars.items(), now=run.now) + explain_late_night(run, issued) + monitored


def _update_all(
    run: Run, tickers: Sequence[str], source: Source, run_step: RunStep
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Update the prices of all tickers one after the other.

    Return what went wrong, by ticker, and what was learned of their exchanges' sessions.
    """
    failed, words = dict[str, str](), tuple[str, ...]()
    with open_feed(run.settings, source) as feed:
        for ticker in tickers:
            with keeping_failures(ticker, failed):
                run_step("update prices", f"{ticker}: update prices", partial(_update, run.job(ticker), feed))
        if source.needs_network:
            believed = believe_source(run, tickers)
            words = believed.words
            for ticker in believed.again:
                with keeping_failures(ticker, failed):
                    _update(run.job(ticker), feed)
    return failed, words


def _update(job: Job, feed: Feed | None) -> None:
    written = update_prices(job, feed)
    if written is not None:
        current_progress().step(job.ticker, f"prices: {written}")


def _make_plans(source: Source) -> Mapping[str, Plan]:
    """Return the plans of the steps that train, in their order."""

    def plan_retraining(job: Job) -> TrainingRequest | None:
        if source.needs_network:
            job.require_fresh()
        return retrain.plan(job)

    return {"retrain": plan_retraining, "backtest": lambda job: backtest.plan(job, backtest.NIGHTLY)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """The steps of one night for each ticker, after all prices were updated.

    Attributes
    ----------
    planned
        Trainings that have begun and that steps will ask for.
    """

    run: Run
    source: Source
    trainer: Trainer
    run_step: RunStep
    progress: Progress
    planned: PlannedTrainings

    def run_ticker(self, ticker: str, specs: Sequence[str], failure: str | None) -> list[Outcome]:
        """Run all other steps for one ticker, spec by spec, then draw its report."""
        jobs = self.run.jobs([ticker], specs)
        if failure is not None:
            outcomes = [Outcome(ticker=ticker, spec=job.spec_name, error=failure) for job in jobs]
        else:
            outcomes = self._draw_report(jobs, settle_postponed([self._run_spec(job) for job in jobs]))
        self.progress.finish(ticker)
        return outcomes

    def draw_leaderboard(self) -> Path | None:
        """Draw it from what is stored; the night stands without it."""
        run = self.run
        try:
            return self.run_step("leaderboard", "leaderboard", lambda: write_leaderboard(run))
        except StockrnnError as error:
            LOG.error("%s", error)  # noqa: TRY400  # it explains itself
            return None

    def _require_fresh(self, job: Job) -> None:
        if self.source.needs_network:
            job.require_fresh()

    def _run_spec(self, job: Job) -> Outcome:
        """Run the steps of a spec in their order; the first that fails ends them."""
        done: dict[str, Any] = {}
        failed: dict[str, str] = {}
        with keeping_failures(job.ticker, failed), noting_short_history(done):
            done["scored"] = self._step(job, "score", lambda: self._score(job))
            self._require_fresh(job)
            done["retrained"] = self._step(job, "retrain", lambda: self._retrain(job))
            # before the forecast, whose intervals rest on past errors: on a first night there are no others
            done["backtest"] = self._step(job, "backtest", lambda: self._backtest(job))
            done["issued"] = self._step(job, "forecast", lambda: self._forecast(job))
        return Outcome(ticker=job.ticker, spec=job.spec_name, error=failed.get(job.ticker), **done)

    def _step(self, job: Job, name: str, work: Callable[[], T]) -> T:
        return self.run_step(name, f"{job.ticker}: {job.spec_name}, {name}", work)

    def _draw_report(self, jobs: Sequence[Job], outcomes: list[Outcome]) -> list[Outcome]:
        """Draw the ticker's report of the first spec that forecast it."""
        at = next((place for place, outcome in enumerate(outcomes) if outcome.issued is not None), None)
        if at is None:
            return outcomes
        job, failed = jobs[at], dict[str, str]()
        with keeping_failures(job.ticker, failed):
            path = self.run_step("report", f"{job.ticker}: report", lambda: self._report(job))
            outcomes[at] = replace(outcomes[at], report=path)
        if failed:
            outcomes[at] = replace(outcomes[at], error=failed[job.ticker])
        return outcomes

    def _score(self, job: Job) -> Scored:
        scored = score_forecasts(job)
        self._say(job, *describe_scored(scored))
        return scored

    def _retrain(self, job: Job) -> Retrained:
        done = retrain.retrain(job, self.trainer, planned=self.planned.take(job, "retrain"))
        self._say(job, *describe_retrained(done, spec=job.spec_name))
        return done

    def _backtest(self, job: Job) -> Backtest | None:
        planned = self.planned.take(job, "backtest")
        try:
            done = backtest.backtest(job, self.trainer, backtest.NIGHTLY, planned=planned)
        except (HoldoutError, NotEnoughHistoryError) as error:  # a history too short for it
            self._say(job, f"{job.spec_name}: no backtest: {error}")
            return None
        self._say(job, describe_backtested(done))
        return done.backtest

    def _forecast(self, job: Job) -> Issued:
        issued = forecast_next(job)
        self._say(job, describe_issued(issued))
        return issued

    def _report(self, job: Job) -> Path:
        path = write_report(job)
        self._say(job, f"report: {path}")
        return path

    def _say(self, job: Job, *lines: str) -> None:
        for line in lines:
            self.progress.step(job.ticker, line)
