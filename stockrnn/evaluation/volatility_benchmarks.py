"""The volatility models of econometrics, as benchmarks in a backtest of a model that forecasts quantiles."""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pandas as pd

from stockrnn.evaluation.benchmarks import reference_column
from stockrnn.evaluation.econometrics import ewma_quantiles, gjr_garch_quantiles
from stockrnn.evaluation.intervals import QUANTILES
from stockrnn.types import VOLATILITY_BENCHMARKS, Target

_MIN_RETURNS = 250


def make_volatility_benchmarks(
    bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target
) -> dict[str, pd.DataFrame]:
    """Return one table per method, of the held-out sessions: `predicted` and `INTERVAL_COLUMNS`, in quote currency.

    What is modelled is the log return from each close to the next session's target (from the adjusted close for
    `adj_close`). Empty where the history before the holdout is shorter than a year or never moved; no `gjr_garch`
    where the package `arch` is not installed.

    Parameters
    ----------
    bars
        Index `session`, ascending, columns `BAR_COLUMNS`.
    sessions
        The held-out sessions, ascending.
    """
    reference = bars[reference_column(target)].shift(1)
    moves = (bars[target] / reference).loc[: sessions[-1]].dropna().apply(np.log)
    known = moves[moves.index < sessions[0]]
    # no method fits a price that never moved
    if len(known) < _MIN_RETURNS or np.ptp(known.to_numpy()) == 0:
        return {}
    methods: dict[str, Callable[..., pd.DataFrame]] = dict(
        zip(VOLATILITY_BENCHMARKS, (ewma_quantiles, gjr_garch_quantiles), strict=True)
    )
    if find_spec("arch") is None:
        del methods["gjr_garch"]
    found = {}
    for name, method in methods.items():
        quantiles = method(moves, first=sessions[0].date(), levels=list(QUANTILES))
        prices = quantiles.apply(np.exp).mul(reference.reindex(quantiles.index), axis=0)
        found[name] = prices.rename(columns=QUANTILES).rename_axis("session")
    return found
