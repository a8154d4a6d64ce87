"""Walk forward: a fold a month, each trained up to its month's cutoff, spread over processes of one thread each."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date

import pandas as pd

from stockrnn.errors import StockrnnError
from stockrnn.evaluation.holdouts import compute_scores, find_verdict
from stockrnn.evaluation.intervals import add_intervals
from stockrnn.evaluation.standings import compare_with_benchmarks, find_errors
from stockrnn.evaluation.verdicts import Verdict
from stockrnn.evaluation.volatility_benchmarks import make_volatility_benchmarks
from stockrnn.models.spec import PriceSpec
from stockrnn.steps.backtest import backtest_holdout
from stockrnn.steps.job import Job, read_history
from stockrnn.store.backtests import read_backtest, write_backtest
from stockrnn.store.engine import reading, writing
from stockrnn.types import Backtest, Span, Target, months_between
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
    month: Span
    done: int
    total: int
    seconds_left: float
    error: str | None


OnFold = Callable[[FoldDone], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a walk gave: a backtest a ticker over all its folds, and why some tickers have none."""

    backtests: tuple[Backtest, ...]
    failures: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fold:
    """One month of one ticker; goes to another process, so it holds no connection."""

    job: Job
    month: Span
    train_from: date | None


def walk_forward(
    jobs: Sequence[Job],
    holdout: Span,
    *,
    processes: int,
    train_from: date | None = None,
    on_fold: OnFold | None = None,
) -> Walked:
    """Backtest every month of `holdout` for every job, then score each ticker over all of them.

    A month that is stored already is not computed again, so a walk that was stopped goes on where it was. Each fold
    depends on its own data alone: the numbers are the same for any number of processes.

    Parameters
    ----------
    processes
        How many to run side by side, each on one thread.
    """
    months = months_between(holdout)
    folds = [_Fold(job=job, month=month, train_from=train_from) for job in jobs for month in months]
    found: dict[tuple[str, date], str] = {}
    failures: dict[str, str] = {}
    for fold, backtest_id, error, progress in _run_all(folds, processes=processes):
        if error is None:
            found[fold.job.ticker, fold.month.first] = backtest_id
        else:
            failures.setdefault(fold.job.ticker, error)
        if on_fold:
            on_fold(progress)
    done = [job for job in jobs if job.ticker not in failures]
    backtests = [_join(job, holdout, [found[job.ticker, month.first] for month in months]) for job in done]
    return Walked(backtests=tuple(backtests), failures=failures)


def compare_tickers_together(backtests: Sequence[Backtest], *, target: Target) -> Verdict:
    """Judge several tickers at once: errors relative to the last close, those of one session as one cluster."""
    return compare_with_benchmarks(pd.concat([find_errors(backtest) for backtest in backtests]), target=target)


def _run_all(folds: Sequence[_Fold], *, processes: int) -> Iterator[tuple[_Fold, str, str | None, FoldDone]]:
    started = time.monotonic()
    # spawned, not forked: TensorFlow's threads do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(processes, len(folds)), mp_context=context) as pool:
        futures: dict[Future[tuple[str, str | None]], _Fold] = {pool.submit(_run_fold, fold): fold for fold in folds}
        for done, future in enumerate(as_completed(futures), 1):
            fold = futures[future]
            backtest_id, error = future.result()
            left = (time.monotonic() - started) / done * (len(folds) - done)
            yield (
                fold,
                backtest_id,
                error,
                FoldDone(
                    ticker=fold.job.ticker,
                    month=fold.month,
                    done=done,
                    total=len(folds),
                    seconds_left=left,
                    error=error,
                ),
            )


def _run_fold(fold: _Fold) -> tuple[str, str | None]:
    """Test one month; an error goes back as its words, since not every exception can be sent."""
    try:
        done = backtest_holdout(fold.job, fold.month, train_from=fold.train_from)
    except StockrnnError as error:
        return "", str(error)
    finally:
        fold.job.engine.dispose()
    return done.backtest.backtest_id, None


def _join(job: Job, holdout: Span, backtest_ids: Sequence[str]) -> Backtest:
    """Put the folds of a ticker in a row: intervals then rest on all earlier folds, tests on all sessions."""
    name = make_id(job.ticker, job.target, job.spec_name, holdout.first, made_of={"folds": list(backtest_ids)})
    with reading(job.engine) as connection:
        standing = read_backtest(connection, name)
        folds = [fold for key in backtest_ids if (fold := read_backtest(connection, key)) is not None]
    if standing is not None or len(folds) == 1:
        return standing or folds[0]
    forecasts = pd.concat([fold.forecasts for fold in folds])
    others: dict[str, pd.DataFrame] = {}
    if isinstance(job.spec, PriceSpec):
        forecasts = add_intervals(forecasts)
    else:
        sessions = pd.DatetimeIndex(forecasts.index)
        others = make_volatility_benchmarks(read_history(job).bars, sessions, target=job.target)
    first = folds[0]
    joined = Backtest(
        backtest_id=name,
        ticker=job.ticker,
        spec=job.spec_name,
        target=job.target,
        trained_from=first.trained_from,
        cutoff=first.cutoff,
        holdout=holdout,
        folds=len(folds),
        seed=first.seed,
        epochs=first.epochs,
        training_sessions=first.training_sessions,
        windows=first.windows,
        losses=[fold.losses[-1] for fold in folds],
        created_at=max(fold.created_at for fold in folds),
        forecasts=forecasts,
        metrics=compute_scores(forecasts, spec=job.spec_name, target=job.target, others=others),
        verdict=find_verdict(forecasts, target=job.target).words,
    )
    with writing(job.engine) as connection:
        write_backtest(connection, joined)
    return joined
