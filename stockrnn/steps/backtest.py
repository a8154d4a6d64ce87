"""Backtest a holdout: train up to the session before it, forecast its sessions one step ahead, keep the result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from stockrnn import networks
from stockrnn.errors import NotEnoughHistoryError
from stockrnn.evaluation.holdouts import Split, compare_with_baselines, compute_scores, find_verdict, split_holdout
from stockrnn.evaluation.volatility_benchmarks import make_volatility_benchmarks
from stockrnn.models.features import WARM_UP
from stockrnn.models.registry import restore
from stockrnn.models.spec import PriceSpec
from stockrnn.steps.job import History, Job, read_history
from stockrnn.steps.universe import find_scope, read_universe
from stockrnn.store.backtests import read_backtest, write_backtest
from stockrnn.store.engine import reading, writing
from stockrnn.store.models import read_model, write_model
from stockrnn.store.promotions import read_first_champion
from stockrnn.training.train import OnEpoch, Trainer, describe_config, fit_model, name_model, train_model
from stockrnn.types import Backtest, Model, Scope, Span, month_span
from stockrnn.types.hashing import hash_values, make_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtested:
    """A backtest, and whether this step computed it (else it was stored already)."""

    backtest: Backtest
    new: bool


def last_whole_month(job: Job) -> Span:
    """Return the last calendar month whose every session is at or before the job's cutoff."""
    history = read_history(job)
    cutoff = history.cutoff
    ended = history.calendar.next_session(cutoff) > month_span(cutoff).last
    return month_span(cutoff if ended else date.fromordinal(month_span(cutoff).first.toordinal() - 1))


def backtest_holdout(
    job: Job,
    holdout: Span,
    *,
    train_from: date | None = None,
    in_use: bool = False,
    trainer: Trainer = fit_model,
    on_epoch: OnEpoch | None = None,
) -> Backtested:
    """Backtest the job's spec on `holdout`, unless the same backtest is stored already.

    Training begins at `train_from`, else at the spec's `train_sessions` sessions before the holdout.

    Parameters
    ----------
    in_use
        Take a model for all tickers that was in use and knows nothing of the holdout, rather than train one: the
        first there was, so that the answer stays the same.

    Raises
    ------
    UnknownTickerError, HoldoutError, NotEnoughHistoryError, MissingTargetError, TrainingError
    """
    history = read_history(job)
    split = split_holdout(
        history.values(job.target),
        holdout,
        ticker=job.ticker,
        lookback=job.spec.lookback,
        train_from=train_from,
        train_sessions=job.spec.train_sessions,
    )
    if isinstance(job.spec, PriceSpec):
        return _backtest_prices(job, history, split, holdout, trainer=trainer, on_epoch=on_epoch)
    if int((history.bars.index < split.held_out[0]).sum()) < WARM_UP:
        raise NotEnoughHistoryError(job.ticker, found=len(split.training), needed=WARM_UP, through=split.cutoff)
    scope = find_scope(job, history)
    model = _read_in_use(job, scope, split) if in_use else None
    if model is None:
        model = _train(job, scope, history, split, train_from=train_from, trainer=trainer, on_epoch=on_epoch)
    return _backtest_quantiles(job, history, split, holdout, model)


def _backtest_prices(
    job: Job, history: History, split: Split, holdout: Span, *, trainer: Trainer, on_epoch: OnEpoch | None
) -> Backtested:
    backtest_id = _name(job, history, split, made_by={"training": hash_values(split.training.to_numpy())})
    stored = _read(job, backtest_id)
    if stored is not None:
        return stored
    training = {job.ticker: history.bars.loc[split.training.index]}
    model = trainer(job.spec, training, target=job.target, seed=job.settings.seed, on_epoch=on_epoch)
    said = model.forecast_known(history.bars, split.held_out, target=job.target)

    forecasts = compare_with_baselines(split, history.bars["close"], said)
    made = _Made(
        trained_from=split.training.index[0].date(),
        cutoff=split.cutoff,
        training_sessions=len(split.training),
        windows=model.windows,
        losses=model.epoch_losses,
        forecasts=forecasts,
        metrics=compute_scores(forecasts, spec=job.spec_name, target=job.target),
    )
    return _keep(job, history, holdout, backtest_id, made)


def _backtest_quantiles(job: Job, history: History, split: Split, holdout: Span, model: Model) -> Backtested:
    backtest_id = _name(job, history, split, made_by={"model": model.model_id})
    stored = _read(job, backtest_id)
    if stored is not None:
        return stored
    said = restore(model).forecast_known(history.bars, split.held_out, target=job.target)
    forecasts = compare_with_baselines(split, history.bars["close"], said)
    others = make_volatility_benchmarks(history.bars, split.held_out, target=job.target)
    trained_on = history.bars.loc[pd.Timestamp(model.trained_from) : pd.Timestamp(model.cutoff)]
    made = _Made(
        trained_from=model.trained_from,
        cutoff=model.cutoff,
        training_sessions=len(trained_on),
        windows=model.windows,
        losses=[model.loss],
        forecasts=forecasts,
        metrics=compute_scores(forecasts, spec=job.spec_name, target=job.target, others=others),
    )
    return _keep(job, history, holdout, backtest_id, made)


def _read_in_use(job: Job, scope: Scope, split: Split) -> Model | None:
    with reading(job.engine) as connection:
        model = read_first_champion(connection, scope, before=split.sessions.first)
    return model if model is not None and model.weights else None


def _train(
    job: Job,
    scope: Scope,
    history: History,
    split: Split,
    *,
    train_from: date | None,
    trainer: Trainer,
    on_epoch: OnEpoch | None,
) -> Model:
    """Return the model for all tickers as of the session before the holdout, trained unless it is stored."""
    universe = read_universe(job, scope, history).before(split.held_out[0])
    bars = universe.training(job.spec.train_sessions)
    if train_from is not None:
        bars = {name: later for name, known in bars.items() if len(later := known.loc[pd.Timestamp(train_from) :])}
    with reading(job.engine) as connection:
        stored = read_model(connection, name_model(job, scope, bars, parent=None))
    if stored is not None and stored.weights:
        return stored
    model = train_model(job, scope, bars, trainer=trainer, on_epoch=on_epoch)
    with writing(job.engine) as connection:
        write_model(connection, model)
    return model


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What is said of a backtest's training, and what it gave."""

    trained_from: date
    cutoff: date
    training_sessions: int
    windows: int
    losses: Sequence[float]
    forecasts: pd.DataFrame
    metrics: Mapping[str, Mapping[str, float]]


def _read(job: Job, backtest_id: str) -> Backtested | None:
    with reading(job.engine) as connection:
        stored = read_backtest(connection, backtest_id)
    return None if stored is None else Backtested(backtest=stored, new=False)


def _keep(job: Job, history: History, holdout: Span, backtest_id: str, made: _Made) -> Backtested:
    backtest = Backtest(
        backtest_id=backtest_id,
        ticker=job.ticker,
        spec=job.spec_name,
        target=job.target,
        trained_from=made.trained_from,
        cutoff=made.cutoff,
        holdout=holdout,
        seed=job.settings.seed,
        epochs=job.spec.epochs,
        training_sessions=made.training_sessions,
        windows=made.windows,
        losses=list(made.losses),
        created_at=history.clock(job),
        forecasts=made.forecasts,
        metrics=made.metrics,
        verdict=find_verdict(made.forecasts, target=job.target).words,
    )
    with writing(job.engine) as connection:
        write_backtest(connection, backtest)
    return Backtested(backtest=backtest, new=True)


def _name(job: Job, history: History, split: Split, *, made_by: dict[str, str]) -> str:
    sessions = split.inputs.index
    return make_id(
        job.ticker,
        job.target,
        job.spec_name,
        split.sessions.first,
        made_of={
            "spec": describe_config(job.spec),
            "seed": job.settings.seed,
            **made_by,
            "inputs": hash_values(split.inputs.to_numpy()),
            "closes": hash_values(history.bars["close"].reindex(sessions).to_numpy()),
            "sessions": [str(split.training.index[0]), str(sessions[0]), str(sessions[-1])],
            "versions": networks.versions(),
        },
    )
