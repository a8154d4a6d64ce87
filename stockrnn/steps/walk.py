"""Walk forward: one fold per month or several, each with a model trained up to its cutoff."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from stockrnn.errors import StockrnnError
from stockrnn.evaluation.holdouts import compute_scores, find_verdict
from stockrnn.evaluation.intervals import add_intervals
from stockrnn.evaluation.standings import compare_with_benchmarks, find_errors
from stockrnn.evaluation.verdicts import Verdict
from stockrnn.steps.backtest import Backtested, Holdout, backtest, plan
from stockrnn.steps.benchmarks import make_benchmarks
from stockrnn.steps.run import Job
from stockrnn.store.backtests import read_backtest, write_backtest
from stockrnn.store.engine import reading, writing
from stockrnn.training.requests import TrainingRequest
from stockrnn.training.trainer import Trainer
from stockrnn.types import Backtest, Span, Target, split_months
from stockrnn.types.hashing import make_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldDone:
    """How far a walk is.

    Attributes
    ----------
    error
        Why the fold can't be tested, None where it was.
    seconds_left
        Estimated from the folds done so far.
    """

    ticker: str
    spec: str
    span: Span
    done: int
    total: int
    seconds_left: float
    error: str | None


OnFold = Callable[[FoldDone], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a walk gave: one backtest per ticker and spec over all folds, and why some of these have none.

    Attributes
    ----------
    failures
        By ticker and spec.
    """

    backtests: tuple[Backtest, ...]
    failures: dict[tuple[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fold:
    """One fold of one ticker, and the training that it needs."""

    job: Job
    holdout: Holdout
    span: Span
    request: TrainingRequest | None
    error: str | None


def walk_forward(
    jobs: Sequence[Job],
    span: Span,
    *,
    trainer: Trainer,
    train_from: date | None = None,
    fold_months: int = 1,
    on_fold: OnFold | None = None,
) -> Walked:
    """Backtest every fold of `span`, of `fold_months` months, for every job; score each job over all of them.

    A fold that is stored already is not computed again, so a walk that was stopped goes on where it was. Each fold
    depends on its own data alone: the numbers are the same however many trainings run at a time.
    """
    parts = split_months(span, months=fold_months)
    folds = [_plan_fold(job, part, train_from) for job in jobs for part in parts]
    trainer.begin(*(fold.request for fold in folds if fold.request is not None))
    found: dict[tuple[str, str, date], str] = {}
    failures: dict[tuple[str, str], str] = {}
    for fold, result, progress in _run_all(folds, trainer):
        ticker, spec = fold.job.ticker, fold.job.spec_name
        if isinstance(result, Backtested):
            found[ticker, spec, fold.span.first] = result.backtest.backtest_id
        else:
            failures.setdefault((ticker, spec), result)
        if on_fold:
            on_fold(progress)
    done = [job for job in jobs if (job.ticker, job.spec_name) not in failures]
    backtests = [_join(job, span, [found[job.ticker, job.spec_name, part.first] for part in parts]) for job in done]
    return Walked(backtests=tuple(backtests), failures=failures)


def compare_tickers_together(backtests: Sequence[Backtest], *, target: Target) -> Verdict:
    """Compare several tickers at once: errors relative to the last close, those of one session as one cluster."""
    return compare_with_benchmarks(pd.concat([find_errors(backtest) for backtest in backtests]), target=target)


def _plan_fold(job: Job, span: Span, train_from: date | None) -> _Fold:
    holdout = Holdout(span=span, train_from=train_from)
    request, error = None, None
    try:
        request = plan(job, holdout)
    except StockrnnError as problem:
        error = str(problem)
    return _Fold(job=job, holdout=holdout, span=span, request=request, error=error)


def _run_all(folds: Sequence[_Fold], trainer: Trainer) -> Iterator[tuple[_Fold, Backtested | str, FoldDone]]:
    started = time.monotonic()
    for done, fold in enumerate(folds, 1):
        result = _run(fold, trainer)
        left = (time.monotonic() - started) / done * (len(folds) - done)
        yield (
            fold,
            result,
            FoldDone(
                ticker=fold.job.ticker,
                spec=fold.job.spec_name,
                span=fold.span,
                done=done,
                total=len(folds),
                seconds_left=left,
                error=result if isinstance(result, str) else None,
            ),
        )


def _run(fold: _Fold, trainer: Trainer) -> Backtested | str:
    """Test one fold; return why it can't be where it can't."""
    if fold.error is not None:
        return fold.error
    try:
        return backtest(fold.job, trainer, fold.holdout, planned=fold.request)
    except StockrnnError as error:
        return str(error)


def _join(job: Job, span: Span, backtest_ids: Sequence[str]) -> Backtest:
    """Put the folds of a ticker in a row: intervals then rest on all earlier folds, tests on all sessions."""
    name = make_id(job.ticker, job.target, job.spec_name, span.first, made_of={"folds": list(backtest_ids)})
    with reading(job.engine) as connection:
        standing = read_backtest(connection, name)
        folds = [fold for key in backtest_ids if (fold := read_backtest(connection, key)) is not None]
    if standing is not None or len(folds) == 1:
        return standing or folds[0]
    joined = _make_walk(job, span, name, folds)
    with writing(job.engine) as connection:
        return write_backtest(connection, joined)


def _make_walk(job: Job, span: Span, name: str, folds: Sequence[Backtest]) -> Backtest:
    forecasts = pd.concat([fold.forecasts for fold in folds])
    others = make_benchmarks(job, pd.DatetimeIndex(forecasts.index))
    if not job.spec.has_intervals:
        forecasts = add_intervals(forecasts)
    first = folds[0]
    return Backtest(
        backtest_id=name,
        ticker=job.ticker,
        spec=job.spec_name,
        target=job.target,
        trained_from=first.trained_from,
        cutoff=first.cutoff,
        holdout=span,
        folds=len(folds),
        seed=first.seed,
        epochs=first.epochs,
        training_sessions=first.training_sessions,
        windows=first.windows,
        losses=[fold.losses[-1] for fold in folds],
        parameters=first.parameters,
        train_seconds=sum(fold.train_seconds for fold in folds),
        created_at=max(fold.created_at for fold in folds),
        forecasts=forecasts,
        metrics=compute_scores(forecasts, spec=job.spec_name, target=job.target, others=others),
        verdict=find_verdict(forecasts, target=job.target).words,
    )
