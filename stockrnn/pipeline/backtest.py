"""Backtest a holdout: train up to the session before it, forecast its sessions one step ahead, keep the result."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from stockrnn import networks
from stockrnn.backtest import Predict, Split, find_verdict, judge, run_holdout, split_holdout
from stockrnn.pipeline.fit import OnEpoch, PriceModel, fit_prices
from stockrnn.pipeline.job import History, Job, read_history
from stockrnn.pipeline.retrain import describe_config
from stockrnn.registry import make_id
from stockrnn.store.backtests import read_backtest, write_backtest
from stockrnn.store.engine import reading, writing
from stockrnn.types import Backtest, Span, month_span
from stockrnn.windows import hash_values


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
    job: Job, holdout: Span, *, train_from: date | None = None, on_epoch: OnEpoch | None = None
) -> Backtested:
    """Backtest the job's spec on `holdout`, unless the same backtest is stored already.

    Training begins at `train_from`, else at the spec's `train_sessions` sessions before the holdout.

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
    backtest_id = _name(job, history, split)
    with reading(job.engine) as connection:
        stored = read_backtest(connection, backtest_id)
    if stored is not None:
        return Backtested(backtest=stored, new=False)
    backtest = _compute(job, history, split, holdout, backtest_id=backtest_id, on_epoch=on_epoch)
    with writing(job.engine) as connection:
        write_backtest(connection, backtest)
    return Backtested(backtest=backtest, new=True)


def _compute(
    job: Job, history: History, split: Split, holdout: Span, *, backtest_id: str, on_epoch: OnEpoch | None
) -> Backtest:
    trained: list[PriceModel] = []

    def fit(values: np.ndarray) -> Predict:
        trained.append(fit_prices(job.spec, values, seed=job.settings.seed, on_epoch=on_epoch))
        return trained[0].predict

    forecasts = run_holdout(split, history.bars["close"], lookback=job.spec.lookback, fit=fit)
    return Backtest(
        backtest_id=backtest_id,
        ticker=job.ticker,
        spec=job.spec_name,
        target=job.target,
        trained_from=split.training.index[0].date(),
        cutoff=split.cutoff,
        holdout=holdout,
        seed=job.settings.seed,
        epochs=job.spec.epochs,
        training_sessions=len(split.training),
        windows=trained[0].windows,
        losses=list(trained[0].losses),
        created_at=history.clock(job),
        forecasts=forecasts,
        metrics=judge(forecasts, spec=job.spec_name),
        verdict=find_verdict(forecasts, target=job.target).words,
    )


def _name(job: Job, history: History, split: Split) -> str:
    sessions = split.inputs.index
    return make_id(
        job.ticker,
        job.target,
        job.spec_name,
        split.sessions.first,
        made_of={
            **describe_config(job.spec),
            "seed": job.settings.seed,
            "training": hash_values(split.training.to_numpy()),
            "inputs": hash_values(split.inputs.to_numpy()),
            "closes": hash_values(history.bars["close"].reindex(sessions).to_numpy()),
            "sessions": [str(split.training.index[0]), str(sessions[0]), str(sessions[-1])],
            "versions": networks.versions(),
        },
    )
