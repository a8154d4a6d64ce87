"""The volatility benchmarks of a backtest, with the one that is fitted on all tickers."""

import pandas as pd

from stockrnn.errors import NotEnoughHistoryError, TrainingError
from stockrnn.evaluation.har import HarRegression
from stockrnn.evaluation.intervals import QUANTILES
from stockrnn.evaluation.volatility_benchmarks import make_volatility_benchmarks
from stockrnn.steps.run import Job
from stockrnn.steps.universe import read_universe


def make_benchmarks(job: Job, sessions: pd.DatetimeIndex) -> dict[str, pd.DataFrame]:
    """Return what the volatility benchmarks forecast of held-out sessions; see `make_volatility_benchmarks`.

    Empty for a spec that names no quantiles of its own.
    """
    if not job.spec.has_intervals:
        return {}

    def fit_har(session: pd.Timestamp) -> HarRegression | None:
        key = ("har", job.scope.market, job.scope.ticker, job.target, session)
        return job.run.remember(key, lambda: _fit_har(job, session))

    return make_volatility_benchmarks(job.history.bars, sessions, target=job.target, fit_har=fit_har)


def _fit_har(job: Job, session: pd.Timestamp) -> HarRegression | None:
    """Fit the regression on what was known of all tickers before a session."""
    bars = read_universe(job).before(session).bars
    if not bars:  # the tickers of the settings began later
        return None
    try:
        return HarRegression.fit(bars, target=job.target, levels=list(QUANTILES))
    except (NotEnoughHistoryError, TrainingError):
        return None
