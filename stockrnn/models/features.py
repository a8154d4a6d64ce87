"""Scale-free inputs of the quantile network: everything is known at the cutoff, in units of recent volatility.

A window does not depend on the level of prices or of turnover, so one network serves all tickers, also those that
it was not trained on.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import lfilter

from stockrnn.types import Target

INPUTS = ("return", "overnight", "size", "range", "volume")
"""Log return, its overnight part, its size; the log of the session's volatility; log of relative volume."""
CONTEXT = ("days_ahead", "volatility_to_long", "short_to_volatility")
"""Calendar days to the next session; log of volatility over its long average; log of its short average over it."""
WARM_UP = 250
"""How many sessions the slowest average looks at before a window is taken to be known."""

_DECAY, _SHORT, _LONG = 0.06, 0.25, 0.01
_VOLUME_SESSIONS = 20
_MIN_VARIANCE = 1e-8
_SIZE_DECAY = 0.002
_SIZE_PRIOR = 100.0  # sessions
_SIZE_FROM = 60
_MAX_SIZE = 6.0
_MIN_SIZE = 0.1
_MAX = 8.0
_MAX_VOLUME = 3.0
_USUAL_SIZE = 0.8  # the mean of |z| of a standard normal z
_USUAL_MOVE = 0.75  # of stocks' closes in units of volatility, tails being fat
_USUAL_DAYS = 1.4
_MAX_DAYS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Windows for the network, and what its answers are measured in.

    Attributes
    ----------
    x
        Per session of each window, oldest first, columns `INPUTS`. Shape (N, lookback, 5), float32, no NaN.
    context
        Per window, columns `CONTEXT`. Shape (N, 3), float32, no NaN.
    unit
        The size of a move from the base to the target that is to be expected: recent volatility times how large such
        moves of this ticker were beside it over the years, known at the window's end. Shape (N,).
    base
        The close at the window's end that returns are counted from, in quote currency. Shape (N,).
    sessions
        The last session of each window: the cutoff. Length N.
    """

    x: np.ndarray
    context: np.ndarray
    unit: np.ndarray
    base: np.ndarray
    sessions: pd.DatetimeIndex


def make_inputs(
    bars: pd.DataFrame, days_ahead: pd.Series, *, lookback: int, target: Target, newest: int | None = None
) -> Inputs:
    """Return every window of which all averages are warm, the last one ending with the last bar.

    Parameters
    ----------
    bars
        Index `session`, ascending; open, high, low, close, adj_close positive, volume 0 or more or NaN.
    days_ahead
        Calendar days from each session to the next one of its exchange, index `session`.
    target
        Decides the base: the adjusted close for `adj_close`, else the close.
    newest
        Only so many, the newest; None: all.
    """
    known = _measure(bars)
    count = max(len(bars) - max(WARM_UP, lookback) + 1, 0)
    count = count if newest is None else min(count, newest)
    last = slice(len(bars) - count, None)
    unit, base = known["unit"].to_numpy(), bars["adj_close" if target == "adj_close" else "close"]
    return Inputs(
        x=_stack_windows(known, unit[last], lookback=lookback, count=count),
        context=_stack_context(known, days_ahead.reindex(bars.index))[last],
        unit=(unit * _usual_move(bars[target], base, unit))[last],
        base=base.to_numpy(dtype=np.float64)[last],
        sessions=pd.DatetimeIndex(bars.index[last]),
    )


def make_targets(bars: pd.DataFrame, inputs: Inputs, *, target: Target) -> np.ndarray:
    """Return what came after each window: the log return from its base to the next session's target, in its unit.

    Parameters
    ----------
    bars
        Those that `inputs` were made of.

    Returns
    -------
    ndarray
        Shape (N,), float64; NaN for a window that ends with the last bar.
    """
    following = bars[target].shift(-1).reindex(inputs.sessions).to_numpy(dtype=np.float64)
    return np.asarray(np.log(following / inputs.base) / inputs.unit)


def _stack_windows(known: pd.DataFrame, unit: np.ndarray, *, lookback: int, count: int) -> np.ndarray:
    """Return the last `count` windows, moves in units of the volatility at each window's end."""
    if count == 0:
        return np.empty((0, lookback, len(INPUTS)), dtype=np.float32)
    columns = known[list(INPUTS)].to_numpy(dtype=np.float64)
    windows = sliding_window_view(columns, lookback, axis=0)[-count:].transpose(0, 2, 1).copy()  # (N, lookback, 5)
    units = unit[:, np.newaxis]
    windows[:, :, :3] /= units[:, :, np.newaxis]
    windows[:, :, 2] -= _USUAL_SIZE
    windows[:, :, 3] -= np.log(units)
    return _clip(windows)


def _stack_context(known: pd.DataFrame, days_ahead: pd.Series) -> np.ndarray:
    columns = [
        np.minimum(days_ahead.to_numpy(dtype=np.float64), _MAX_DAYS) - _USUAL_DAYS,
        np.log(known["unit"] / known["long"]),
        np.log(known["short"] / known["unit"]),
    ]
    return _clip(np.column_stack(columns))


def _clip(numbers: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(numbers, -_MAX, _MAX), dtype=np.float32)


def _usual_move(target: pd.Series, base: pd.Series, unit: np.ndarray) -> np.ndarray:
    """Return per session how large the moves to the target known by then were beside volatility; 1 is usual.

    The root of an exponentially weighted mean which begins as if `_SIZE_PRIOR` sessions had been usual: halfway,
    since what set a ticker apart in the past sets it less apart later. It makes the answers of tickers and targets
    more alike: an open moves less than a close, and of some tickers more than of others.
    """
    moves = np.abs(np.log((target / base.shift(1)).to_numpy(dtype=np.float64)))
    sizes = np.minimum(moves[_SIZE_FROM:] / unit[_SIZE_FROM - 1 : -1], _MAX_SIZE)
    known = np.isfinite(sizes)
    total = _accumulate(np.where(known, sizes, 0.0), start=_SIZE_PRIOR * _USUAL_MOVE)
    mean = np.full(len(target), 1.0)
    mean[_SIZE_FROM:] = total / _accumulate(known.astype(np.float64), start=_SIZE_PRIOR) / _USUAL_MOVE
    return np.asarray(np.sqrt(np.maximum(mean, _MIN_SIZE)))


def _accumulate(numbers: np.ndarray, *, start: float) -> np.ndarray:
    """Return the running sum, which forgets a share of `_SIZE_DECAY` a session."""
    if not len(numbers):
        return numbers
    kept = 1 - _SIZE_DECAY
    return np.asarray(lfilter([1.0], [1.0, -kept], numbers, zi=[kept * start])[0])


def _measure(bars: pd.DataFrame) -> pd.DataFrame:
    """Return what windows are made of, per session, from this and earlier sessions alone."""
    opened, high, low, close = (np.log(bars[name]) for name in ("open", "high", "low", "close"))
    moved, overnight = close.diff(), opened - close.shift(1)
    variance = (_garman_klass(opened, high, low, close) + overnight.fillna(0.0) ** 2).clip(lower=_MIN_VARIANCE)
    return pd.DataFrame(
        {
            "return": moved,
            "overnight": overnight,
            "size": moved.abs(),
            "range": 0.5 * np.log(variance),
            "volume": _relative_volume(bars["volume"]),
            "unit": _average(variance, _DECAY),
            "short": _average(variance, _SHORT),
            "long": _average(variance, _LONG),
        }
    )


def _garman_klass(opened: pd.Series, high: pd.Series, low: pd.Series, close: pd.Series) -> pd.Series:
    """Return the variance while the exchange was open, from the four prices of each session.

    Garman & Klass (1980), "On the Estimation of Security Price Volatilities from Historical Data", equation 20
    without its small terms.
    """
    variance: pd.Series = 0.5 * (high - low) ** 2 - (2 * np.log(2) - 1) * (close - opened) ** 2
    return variance


def _average(variance: pd.Series, weight: float) -> pd.Series:
    """Return the root of the exponentially weighted mean, the newest session weighing `weight`."""
    mean: pd.Series = variance.ewm(alpha=weight, adjust=True).mean()
    return mean.pow(0.5)


def _relative_volume(volume: pd.Series) -> pd.Series:
    """Return the log of volume over its mean log of the last 20 sessions; 0 where none is told, as for an index."""
    told = np.log(volume.where(volume > 0)).ffill()
    relative: pd.Series = told - told.rolling(_VOLUME_SESSIONS, min_periods=1).mean()
    return relative.clip(-_MAX_VOLUME, _MAX_VOLUME).fillna(0.0)
