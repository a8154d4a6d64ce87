"""Quantiles of the next return by the standard methods of econometrics: EWMA volatility and GJR-GARCH-t.

Returns are log returns. Each calendar year is forecast one session ahead with what was fitted on the sessions before
it; the volatility takes in every session up to the one before.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pandas as pd
from scipy.stats import t as student

from stockrnn.evaluation.intervals import VOLATILITY_DECAY

_WARM_UP = 60
_PERCENT = 100.0  # the optimizer wants returns near 1


def ewma_quantiles(returns: pd.Series, *, first: date, levels: Sequence[float]) -> pd.DataFrame:
    """Return quantiles by exponentially weighted volatility and the empirical quantiles of past standardized returns.

    The weights decay by `VOLATILITY_DECAY`.

    Parameters
    ----------
    returns
        Index `session`, ascending, no NaN; some hundred before `first`.

    Returns
    -------
    DataFrame
        The sessions from `first` on, one column per level, in the unit of `returns`.
    """
    volatility = (returns**2).ewm(alpha=1 - VOLATILITY_DECAY, adjust=False).mean().pow(0.5).shift(1)
    standardized = (returns / volatility).iloc[_WARM_UP:]
    parts = [
        np.outer(volatility.loc[year], np.quantile(standardized.loc[: year[0]].iloc[:-1], levels))
        for year in split_years(returns.index, first)
    ]
    return _frame(returns, first, parts, levels)


def gjr_garch_quantiles(returns: pd.Series, *, first: date, levels: Sequence[float]) -> pd.DataFrame:
    """Return quantiles by GJR-GARCH(1, 1) with Student's t and a constant mean, refitted for each calendar year.

    Glosten, Jagannathan & Runkle (1993), "On the Relation between the Expected Value and the Volatility of the
    Nominal Excess Return on Stocks". Needs the package `arch` (the extra `econometrics`). Parameters and columns are
    those of `ewma_quantiles`.
    """
    from arch import arch_model

    parts = []
    for year in split_years(returns.index, first):
        known = _PERCENT * returns.loc[: year[-1]]
        model = arch_model(known, mean="Constant", vol="GARCH", p=1, o=1, q=1, dist="t", rescale=False)
        fitted = model.fit(last_obs=year[0], disp="off", show_warning=False)
        volatility = model.fix(fitted.params).conditional_volatility.loc[year]
        freedom = fitted.params["nu"]
        shocks = student.ppf(levels, freedom) * np.sqrt((freedom - 2) / freedom)
        parts.append((fitted.params["mu"] + np.outer(volatility, shocks)) / _PERCENT)
    return _frame(returns, first, parts, levels)


def split_years(index: pd.Index, first: date) -> Iterator[pd.DatetimeIndex]:
    """Yield the sessions from `first` on, one calendar year at a time."""
    sessions = pd.DatetimeIndex(index[index >= pd.Timestamp(first)])
    for year in sorted(set(sessions.year)):
        yield sessions[sessions.year == year]


def _frame(returns: pd.Series, first: date, parts: Sequence[np.ndarray], levels: Sequence[float]) -> pd.DataFrame:
    index = returns.loc[pd.Timestamp(first) :].index
    values = np.concatenate(parts) if parts else np.empty((0, len(levels)))
    return pd.DataFrame(values, index=index, columns=list(levels))
