"""Scale-free inputs of the quantile network, known at the cutoff and in units of recent volatility.

A window does not depend on the level of prices or of turnover, so one network serves all tickers, also those that
it was not trained on.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from stockrnn.evaluation.benchmarks import reference_column
from stockrnn.evaluation.intervals import VOLATILITY_DECAY
from stockrnn.evaluation.ranges import average_volatility, session_variances, usual_move
from stockrnn.types import Target

INPUTS = ("return", "overnight", "size", "range", "volume")
"""Log return, its overnight part, its absolute value; log of the session's volatility; log of relative volume."""
CONTEXT = ("days_ahead", "volatility_to_long", "short_to_volatility")
"""Calendar days to the next session; logs of volatility over its long average and of its short average over it."""
WARM_UP = 250
"""How many sessions the slowest average needs before the first window."""

# all decays are the share of its weight that a session keeps per later session
_SHORT_DECAY, _LONG_DECAY = 0.75, 0.99
_VOLUME_SESSIONS = 20
_MAX = 8.0
_MAX_VOLUME = 3.0
_USUAL_SIZE = 0.8  # the mean of |z| of a standard normal z
_USUAL_DAYS = 1.4
_MAX_DAYS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Windows for the network, and what turns its outputs into prices.

    Attributes
    ----------
    x
        Per session of each window, oldest first, columns `INPUTS`. Shape (N, lookback, 5), float32, no NaN.
    context
        Per window, columns `CONTEXT`. Shape (N, 3), float32, no NaN.
    scale
        The expected size of the log return from the reference price to the target: recent volatility, times how large
        such returns of this ticker were in units of it over the years, as known at the window's end. Shape (N,).
    reference_price
        The close at the window's end that returns are counted from, in quote currency. Shape (N,).
    sessions
        The last session of each window: the cutoff. Length N.
    """

    x: np.ndarray
    context: np.ndarray
    scale: np.ndarray
    reference_price: np.ndarray
    sessions: pd.DatetimeIndex


def make_inputs(
    bars: pd.DataFrame, days_ahead: pd.Series, *, lookback: int, target: Target, newest: int | None = None
) -> Inputs:
    """Return every window whose averages have had `WARM_UP` sessions; the last one ends with the last bar.

    Parameters
    ----------
    bars
        Index `session`, ascending; open, high, low, close, adj_close positive, volume 0 or more or NaN.
    days_ahead
        Calendar days from each session to the next one of its exchange, index `session`.
    target
        Decides the reference price, see `benchmarks.reference_column`.
    newest
        The number of windows to return, the newest ones; None: all.
    """
    known = _measure(bars)
    count = max(len(bars) - max(WARM_UP, lookback) + 1, 0)
    count = count if newest is None else min(count, newest)
    last = slice(len(bars) - count, None)
    volatility, reference = known["volatility"].to_numpy(), bars[reference_column(target)]
    return Inputs(
        x=_stack_windows(known, volatility[last], lookback=lookback, count=count),
        context=_stack_context(known, days_ahead.reindex(bars.index))[last],
        scale=(volatility * usual_move(bars[target], reference, volatility))[last],
        reference_price=reference.to_numpy(dtype=np.float64)[last],
        sessions=pd.DatetimeIndex(bars.index[last]),
    )


def make_targets(bars: pd.DataFrame, inputs: Inputs, *, target: Target) -> np.ndarray:
    """Return each window's target: the log return from its reference price to the next session, over its scale.

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
    return np.asarray(np.log(following / inputs.reference_price) / inputs.scale)


def _stack_windows(known: pd.DataFrame, volatility: np.ndarray, *, lookback: int, count: int) -> np.ndarray:
    """Return the last `count` windows, moves in units of the volatility at each window's end."""
    if count == 0:
        return np.empty((0, lookback, len(INPUTS)), dtype=np.float32)
    columns = known[list(INPUTS)].to_numpy(dtype=np.float64)
    windows = sliding_window_view(columns, lookback, axis=0)[-count:].transpose(0, 2, 1).copy()  # (N, lookback, 5)
    units = volatility[:, np.newaxis]
    windows[:, :, :3] /= units[:, :, np.newaxis]
    windows[:, :, 2] -= _USUAL_SIZE
    windows[:, :, 3] -= np.log(units)
    return _clip(windows)


def _stack_context(known: pd.DataFrame, days_ahead: pd.Series) -> np.ndarray:
    columns = [
        np.minimum(days_ahead.to_numpy(dtype=np.float64), _MAX_DAYS) - _USUAL_DAYS,
        np.log(known["volatility"] / known["long"]),
        np.log(known["short"] / known["volatility"]),
    ]
    return _clip(np.column_stack(columns))


def _clip(numbers: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(numbers, -_MAX, _MAX), dtype=np.float32)


def _measure(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that windows are made of, per session, from this and earlier sessions alone."""
    opened, close = np.log(bars["open"]), np.log(bars["close"])
    moved, overnight = close.diff(), opened - close.shift(1)
    variance = session_variances(bars)
    return pd.DataFrame(
        {
            "return": moved,
            "overnight": overnight,
            "size": moved.abs(),
            "range": 0.5 * np.log(variance),
            "volume": _relative_volume(bars["volume"]),
            "volatility": average_volatility(variance, decay=VOLATILITY_DECAY),
            "short": average_volatility(variance, decay=_SHORT_DECAY),
            "long": average_volatility(variance, decay=_LONG_DECAY),
        }
    )


def _relative_volume(volume: pd.Series) -> pd.Series:
    """Return log volume less its mean over the last 20 sessions; 0 where there is none, as for an index."""
    known = np.log(volume.where(volume > 0)).ffill()
    relative: pd.Series = known - known.rolling(_VOLUME_SESSIONS, min_periods=1).mean()
    return relative.clip(-_MAX_VOLUME, _MAX_VOLUME).fillna(0.0)
