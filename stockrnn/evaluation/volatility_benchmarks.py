"""What econometrics says of a holdout, to stand beside a model that names quantiles."""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pandas as pd

from stockrnn.evaluation.econometrics import ewma_quantiles, gjr_garch_quantiles
from stockrnn.evaluation.intervals import QUANTILES
from stockrnn.types import VOLATILITY_BENCHMARKS, Target

_MIN_RETURNS = 250


def make_volatility_benchmarks(
    bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target
) -> dict[str, pd.DataFrame]:
    """Return a table a method, of the sessions held out: `predicted` and `INTERVAL_COLUMNS`, in quote currency.

    The moves from each close to the next session's target are what is modelled. Nothing where the history before is
    shorter than a year; no `gjr_garch` where the package `arch` is not installed.
    """
    base = bars["adj_close" if target == "adj_close" else "close"].shift(1)
    moves = (bars[target] / base).loc[: sessions[-1]].dropna().apply(np.log)
    if int((moves.index < sessions[0]).sum()) < _MIN_RETURNS:
        return {}
    methods: dict[str, Callable[..., pd.DataFrame]] = dict(
        zip(VOLATILITY_BENCHMARKS, (ewma_quantiles, gjr_garch_quantiles), strict=True)
    )
    if find_spec("arch") is None:
        del methods["gjr_garch"]
    found = {}
    for name, method in methods.items():
        quantiles = method(moves, first=sessions[0].date(), levels=list(QUANTILES))
        prices = quantiles.apply(np.exp).mul(base.reindex(quantiles.index), axis=0)
        found[name] = prices.rename(columns=QUANTILES).rename_axis("session")
    return found
