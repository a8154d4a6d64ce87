"""Prediction intervals for a model that names one price: split conformal, scaled by recent volatility.

A past error is measured in units of the volatility known when its forecast was made; the interval is as many units
wide, on both sides, as the wanted share of the past errors was. It covers by its rank alone, whatever the errors'
distribution, as long as they are exchangeable. Only errors of sessions that a model was not trained on count.

Sources: Papadopoulos, Proedrou, Vovk & Gammerman (2002) and Lei, G'Sell, Rinaldo, Tibshirani & Wasserman (2018),
"Distribution-Free Predictive Inference for Regression", section 5.2 (locally weighted).
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from stockrnn.types import INTERVAL_COLUMNS

LEVELS = (80, 95)
QUANTILES = {0.025: "lower_95", 0.1: "lower_80", 0.5: "predicted", 0.9: "upper_80", 0.975: "upper_95"}
"""The quantiles that a forecast with intervals names, level -> column."""
CALIBRATION_SESSIONS = 250
"""How many of the newest past errors an interval is computed from."""
VOLATILITY_SESSIONS = 40
VOLATILITY_DECAY = 0.94
"""The share of its weight that a session keeps per later one (RiskMetrics Technical Document, 1996, table 5.1)."""


def volatility(values: np.ndarray) -> float:
    """Return the recent size of a session's move, relative: the root of the weighted mean squared log change.

    Over the last `VOLATILITY_SESSIONS` values, with weights that decay by `VOLATILITY_DECAY`.

    Parameters
    ----------
    values
        Positive, oldest first, shape (T,). NaN if T < 2.
    """
    changes = np.diff(np.log(values[-VOLATILITY_SESSIONS:]))
    if not len(changes):
        return math.nan
    weights = VOLATILITY_DECAY ** np.arange(len(changes))[::-1]
    return float(np.sqrt(np.sum(weights * changes**2) / np.sum(weights)))


def rolling_volatility(values: pd.Series) -> pd.Series:
    """Return for each session the volatility known before it; NaN for the first two."""
    prices = values.to_numpy(dtype=np.float64)
    known = [volatility(prices[max(at - VOLATILITY_SESSIONS, 0) : at]) for at in range(len(prices))]
    return pd.Series(known, index=values.index, name="volatility")


def conformal_quantile(scores: np.ndarray, *, level: int) -> float:
    """Return the k-th smallest score, k = ceil((n + 1) * level / 100): the half width in the scores' unit.

    Infinite where n is too small for the level: below 4 for 80 %, below 19 for 95 %.

    Parameters
    ----------
    scores
        Absolute past errors in units of their volatility, shape (n,), no NaN.
    """
    rank = -(-(len(scores) + 1) * level // 100)
    return float(np.partition(scores, rank - 1)[rank - 1]) if rank <= len(scores) else math.inf


def conformal_intervals(predicted: float, *, unit: float, scores: np.ndarray) -> dict[str, float]:
    """Return the intervals at both levels, in quote currency; NaN where there are too few scores.

    Parameters
    ----------
    unit
        Volatility times the last price, in quote currency.
    scores
        As for `conformal_quantile`, oldest first; the newest `CALIBRATION_SESSIONS` count.
    """
    found: dict[str, float] = {}
    for level in LEVELS:
        score = conformal_quantile(scores[-CALIBRATION_SESSIONS:], level=level)
        width = unit * score if math.isfinite(score) else math.nan
        known = math.isfinite(width)
        # no price is below zero
        found[f"lower_{level}"] = max(predicted - width, 0.0) if known else math.nan
        found[f"upper_{level}"] = predicted + width if known else math.nan
    return found


def normalized_errors(table: pd.DataFrame) -> np.ndarray:
    """Return |predicted - actual| in units of `last_close` * `volatility`; infinite where that unit is 0.

    Parameters
    ----------
    table
        Columns `actual`, `predicted`, `last_close`, `volatility`, no NaN.
    """
    error = (table["predicted"] - table["actual"]).abs().to_numpy(dtype=np.float64)
    unit = (table["last_close"] * table["volatility"]).to_numpy(dtype=np.float64)
    return np.asarray(np.divide(error, unit, out=np.full(len(error), math.inf), where=unit > 0))


def add_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with intervals, each row's computed from the errors of the rows before it alone.

    Parameters
    ----------
    table
        Index `session`, ascending; columns as for `normalized_errors`.
    """
    scores = normalized_errors(table)
    units = (table["last_close"] * table["volatility"]).to_numpy(dtype=np.float64)
    predicted = table["predicted"].to_numpy(dtype=np.float64)
    rows: Sequence[dict[str, float]] = [
        conformal_intervals(predicted[at], unit=units[at], scores=scores[:at]) for at in range(len(table))
    ]
    return table.assign(**pd.DataFrame(rows, index=table.index, columns=list(INTERVAL_COLUMNS), dtype=np.float64))
