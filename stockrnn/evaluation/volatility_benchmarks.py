"""The volatility models of econometrics, as benchmarks in a backtest of a model that forecasts quantiles.

Two see the moves alone, EWMA and GJR-GARCH-t, and two the ranges of sessions, too, as the network does: HAR-FHS and
HAR quantile regression.
"""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pandas as pd

from stockrnn.evaluation.benchmarks import reference_column
from stockrnn.evaluation.econometrics import ewma_quantiles, gjr_garch_quantiles, split_years
from stockrnn.evaluation.har import HarRegression, find_moves, har_fhs_quantiles
from stockrnn.evaluation.intervals import QUANTILES
from stockrnn.types import Target

_MIN_MOVES = 250
_MIN_HAR_SESSIONS = 500  # a year for its slowest term, and one to fit it on

FitHar = Callable[[pd.Timestamp], HarRegression | None]
"""Returns the regression on all tickers as known before a session; None where there is too little to fit."""


def make_volatility_benchmarks(
    bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target, fit_har: FitHar
) -> dict[str, pd.DataFrame]:
    """Return one table per method, of the held-out sessions: `predicted` and `INTERVAL_COLUMNS`, in quote currency.

    What is modelled is the log return from each close to the next session's target (from the adjusted close for
    `adj_close`). Empty where the history before the holdout is shorter than a year or never moved, without the HAR
    methods where it is shorter than two; no `gjr_garch` where the package `arch` is not installed.

    Parameters
    ----------
    bars
        Index `session`, ascending, columns `BAR_COLUMNS`.
    sessions
        The held-out sessions, ascending.
    fit_har
        Asked once for each calendar year of the held-out sessions.
    """
    bars = bars.loc[: sessions[-1]]
    reference = bars[reference_column(target)].shift(1)
    moves = find_moves(bars, target=target).dropna()
    known = moves[moves.index < sessions[0]]
    # no method fits a price that never moved
    if len(known) < _MIN_MOVES or np.ptp(known.to_numpy()) == 0:
        return {}
    first = sessions[0].date()
    levels = list(QUANTILES)
    found = {"ewma": ewma_quantiles(moves, first=first, levels=levels)}
    if find_spec("arch") is not None:
        found["gjr_garch"] = gjr_garch_quantiles(moves, first=first, levels=levels)
    if len(known) >= _MIN_HAR_SESSIONS:
        found["har_fhs"] = har_fhs_quantiles(bars, sessions, target=target, levels=levels)
        found |= _forecast_har(bars, sessions, target=target, fit_har=fit_har)
    prices = {
        name: quantiles.apply(np.exp).mul(reference.reindex(quantiles.index), axis=0)
        for name, quantiles in found.items()
    }
    return {name: table.rename(columns=QUANTILES).rename_axis("session") for name, table in prices.items()}


def _forecast_har(
    bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target, fit_har: FitHar
) -> dict[str, pd.DataFrame]:
    parts = []
    for year in split_years(sessions, sessions[0].date()):
        fitted = fit_har(year[0])
        if fitted is None:
            return {}
        parts.append(fitted.forecast(bars, year, target=target))
    return {"har_quantiles": pd.concat(parts)}
