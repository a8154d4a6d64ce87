"""Backtest a holdout: train up to the session before it, forecast its sessions one step ahead, keep the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from stockrnn import networks
from stockrnn.errors import HoldoutError, NotEnoughHistoryError
from stockrnn.evaluation.holdouts import Split, compare_with_baselines, compute_scores, find_verdict, split_holdout
from stockrnn.models.forecaster import Forecaster
from stockrnn.models.registry import restore
from stockrnn.steps.benchmarks import make_benchmarks
from stockrnn.steps.run import Job
from stockrnn.steps.universe import read_universe
from stockrnn.store.backtests import read_backtest, write_backtest
from stockrnn.store.engine import reading, writing
from stockrnn.store.models import read_model, write_model
from stockrnn.store.promotions import read_first_champion
from stockrnn.training.requests import Fitted, TrainingRequest, make_model, make_request
from stockrnn.training.trainer import Trainer
from stockrnn.types import Backtest, Model, Span, month_span
from stockrnn.types.hashing import hash_values, make_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdout:
    """What is asked of a backtest.

    Attributes
    ----------
    span
        None: the last calendar month that has ended.
    train_from
        Where training begins; None: the spec's `train_sessions` before the holdout.
    in_use
        Take a model for all tickers that was in use and knows nothing of the holdout, rather than train one: the
        first there was, so that the answer stays the same.
    """

    span: Span | None = None
    train_from: date | None = None
    in_use: bool = False


NIGHTLY = Holdout(in_use=True)
"""What a night asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtested:
    """A backtest, and whether this step computed it (else it was stored already)."""

    backtest: Backtest
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A holdout of a job, and the model that forecasts it: one that is there, or one to be trained."""

    span: Span
    split: Split
    model: Model | None
    request: TrainingRequest | None

    @property
    def model_id(self) -> str:
        """The model's name."""
        if self.model is not None:
            return self.model.model_id
        return self.request.model_id if self.request is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What forecasts the holdout, and what is said of its training."""

    forecaster: Forecaster
    trained_from: date
    cutoff: date
    losses: Sequence[float]
    train_seconds: float


def last_whole_month(job: Job) -> Span:
    """Return the last calendar month whose every session is at or before the job's cutoff."""
    history = job.history
    cutoff = history.cutoff
    ended = history.calendar.next_session(cutoff) > month_span(cutoff).last
    return month_span(cutoff if ended else date.fromordinal(month_span(cutoff).first.toordinal() - 1))


def backtest(job: Job, trainer: Trainer, holdout: Holdout, *, planned: TrainingRequest | None = None) -> Backtested:
    """Backtest the job's spec on a holdout, unless the same backtest is stored already.

    Parameters
    ----------
    planned
        What `plan` returned before, so that it is not asked again.

    Raises
    ------
    UnknownTickerError, HoldoutError, NotEnoughHistoryError, MissingTargetError, TrainingError
    """
    request = planned or plan(job, holdout)
    return accept(job, holdout, request, None if request is None else trainer.train(request))


def plan(job: Job, holdout: Holdout) -> TrainingRequest | None:
    """Return the training that a backtest needs; None where it, or a model for it, is stored.

    Raises
    ------
    UnknownTickerError, HoldoutError, NotEnoughHistoryError, MissingTargetError
    """
    case = _find_case(job, holdout)
    return None if _read_stored(job, case) is not None else case.request


def accept(job: Job, holdout: Holdout, request: TrainingRequest | None, fitted: Fitted | None) -> Backtested:
    """Forecast the holdout with the model that was trained or is stored, and store the backtest."""
    case = _find_case(job, holdout, request)
    stored = _read_stored(job, case)
    if stored is not None:
        return Backtested(backtest=stored, new=False)
    made = _make_backtest(job, case, _find_source(job, case, fitted))
    with writing(job.engine) as connection:
        standing = read_backtest(connection, made.backtest_id)
        written = standing or write_backtest(connection, made)
    return Backtested(backtest=written, new=standing is None)


def _find_case(job: Job, holdout: Holdout, request: TrainingRequest | None = None) -> _Case:
    """Return the holdout's data, and the model or the training; `request` is one that is known already."""
    span = holdout.span or last_whole_month(job)
    split = split_holdout(
        job.history.values(job.target),
        span,
        ticker=job.ticker,
        lookback=job.spec.lookback,
        train_from=holdout.train_from,
        train_sessions=job.spec.train_sessions,
    )
    before = int(job.history.bars.index.searchsorted(split.held_out[0]))
    if before < job.spec.min_sessions:
        raise NotEnoughHistoryError(job.ticker, found=before, needed=job.spec.min_sessions, through=split.cutoff)
    if request is not None:
        return _Case(span=span, split=split, model=None, request=request)
    model = _read_first_in_use(job, split) if holdout.in_use else None
    request = _make_request(job, holdout, span, split) if model is None else None
    if request is not None and job.spec.scope == "market":  # one model serves the backtests of all tickers
        with reading(job.engine) as connection:
            stored = read_model(connection, request.model_id)
        model = stored if stored is not None and stored.weights else None
    return _Case(span=span, split=split, model=model, request=None if model is not None else request)


def _read_first_in_use(job: Job, split: Split) -> Model | None:
    if job.spec.scope != "market":
        return None
    with reading(job.engine) as connection:
        model = read_first_champion(connection, job.scope, before=split.sessions.first)
    return model if model is not None and model.weights else None


def _make_request(job: Job, holdout: Holdout, span: Span, split: Split) -> TrainingRequest:
    universe = read_universe(job).before(split.held_out[0])
    bars = universe.training(job.spec.train_sessions, begin=holdout.train_from)
    return make_request(
        job.scope,
        job.spec,
        bars,
        seed=job.settings.seed,
        title=f"{job.scope.ticker or 'all tickers'}: {job.spec_name} model for the backtest of {span}",
    )


def _read_stored(job: Job, case: _Case) -> Backtest | None:
    with reading(job.engine) as connection:
        return read_backtest(connection, _name(job, case))


def _find_source(job: Job, case: _Case, fitted: Fitted | None) -> _Source:
    model = case.model
    if model is not None:
        return _Source(
            forecaster=restore(model),
            trained_from=model.trained_from,
            cutoff=model.cutoff,
            losses=[model.loss],
            train_seconds=model.train_seconds,
        )
    if case.request is None or fitted is None:
        raise HoldoutError(f"{job.ticker}: there is no model to backtest {case.span} with")
    model = make_model(case.request, fitted, trained_at=job.now)
    if job.spec.scope == "market":
        with writing(job.engine) as connection:
            write_model(connection, model)
    return _Source(
        forecaster=fitted.forecaster,
        trained_from=model.trained_from,
        cutoff=model.cutoff,
        losses=[model.loss] if job.spec.scope == "market" else fitted.forecaster.epoch_losses,
        train_seconds=model.train_seconds,
    )


def _make_backtest(job: Job, case: _Case, source: _Source) -> Backtest:
    bars, split = job.history.bars, case.split
    said = source.forecaster.forecast_known(bars, split.held_out, target=job.target)
    forecasts = compare_with_baselines(split, bars["close"], said)
    others = make_benchmarks(job, split.held_out)
    return Backtest(
        backtest_id=_name(job, case),
        ticker=job.ticker,
        spec=job.spec_name,
        target=job.target,
        trained_from=source.trained_from,
        cutoff=source.cutoff,
        holdout=case.span,
        seed=job.settings.seed,
        epochs=job.spec.count_epochs(warm=False),
        training_sessions=len(bars.loc[pd.Timestamp(source.trained_from) : pd.Timestamp(source.cutoff)]),
        windows=source.forecaster.windows,
        losses=list(source.losses),
        parameters=source.forecaster.parameters,
        train_seconds=source.train_seconds,
        created_at=job.clock,
        forecasts=forecasts,
        metrics=compute_scores(forecasts, spec=job.spec_name, target=job.target, others=others),
        verdict=find_verdict(forecasts, target=job.target).words,
    )


def _name(job: Job, case: _Case) -> str:
    """Name a backtest by everything that makes it."""
    split = case.split
    sessions = split.inputs.index
    return make_id(
        job.ticker,
        job.target,
        job.spec_name,
        split.sessions.first,
        made_of={
            "model": case.model_id,
            "inputs": hash_values(split.inputs.to_numpy()),
            "closes": hash_values(job.history.bars["close"].reindex(sessions).to_numpy()),
            "sessions": [str(sessions[0]), str(sessions[-1])],
            "versions": networks.versions(),
        },
    )
