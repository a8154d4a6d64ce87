"""Scale-free inputs of the quantile network, known at the cutoff and in units of recent volatility.

A window does not depend on the level of prices or of turnover, so one network serves all tickers, also those that
it was not trained on.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from stockrnn.evaluation.benchmarks import reference_column
from stockrnn.evaluation.har import HAR_SESSIONS, har_means
from stockrnn.evaluation.intervals import VOLATILITY_DECAY
from stockrnn.evaluation.ranges import average_volatility, relative_volume, session_variances, usual_move
from stockrnn.models.jumps import JUMPS, find_jumps
from stockrnn.types import Target

INPUTS = ("return", "overnight", "size", "range", "volume")
"""Log return, its overnight part, its absolute value; log of the session's volatility; log of relative volume."""
CONTEXT = (
    "days_ahead",
    "volatility_to_long",
    "short_to_volatility",
    *(f"har_{count}" for count in HAR_SESSIONS),
    "fall_1",
    "fall_5",
    "fall_22",
    *JUMPS,
)
"""Calendar days to the next session; logs of volatility over its long average and of its short average over it; the
terms of HAR, as logs over volatility, and the last falls over 1, 5 and 22 sessions; jumps that may come back."""
WARM_UP = HAR_SESSIONS[-1]
"""How many sessions the slowest average needs before the first window."""

# all decays are the share of its weight that a session keeps per later session
_SHORT_DECAY, _LONG_DECAY = 0.75, 0.99
_MAX = 8.0
_USUAL_SIZE = 0.8  # the mean of |z| of a standard normal z
_USUAL_DAYS = 1.4
_MAX_DAYS = 5.0
_FALLS = (1, 5, 22)
_MAX_FALL = 4.0
_HAR_WEIGHT = 2.0  # its logs are small beside the other numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Windows for the network, and what turns its outputs into prices.

    Attributes
    ----------
    x
        Per session of each window, oldest first, columns `INPUTS`. Shape (N, lookback, 5), float32, no NaN.
    context
        Per window, columns `CONTEXT`. Shape (N, len(CONTEXT)), float32, no NaN.
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


def measure(bars: pd.DataFrame, *, target: Target) -> pd.DataFrame:
    """Return what is known after each session, from this and earlier sessions alone.

    Parameters
    ----------
    bars
        Index `session`, ascending; open, high, low, close, adj_close positive, volume 0 or more or NaN.
    target
        Decides the reference price, see `benchmarks.reference_column`.

    Returns
    -------
    DataFrame
        Index `session`; `INPUTS` (moves as log returns), `volatility`, `short`, `long`, the terms of HAR, `fall_*` in
        units of volatility, `scale` and `reference_price` as in `Inputs`, `last_return` over volatility, `distance`: of the close from its mean over
        `WARM_UP` sessions, in logs over volatility, and `answer`: the log return from the reference price to the next
        session's target over the scale, NaN in the last row.
    """
    opened, close = np.log(bars["open"]), np.log(bars["close"])
    moved, overnight = close.diff(), opened - close.shift(1)
    variance = session_variances(bars)
    volatility = average_volatility(variance, decay=VOLATILITY_DECAY)
    reference = bars[reference_column(target)].astype(np.float64)
    scale = volatility * usual_move(bars[target], reference, volatility.to_numpy())
    size = 0.5 * np.log(variance)
    falls = {f"fall_{count}": close.diff(count) / volatility / np.sqrt(count) for count in _FALLS}
    return pd.DataFrame(
        {
            "return": moved,
            "overnight": overnight,
            "size": moved.abs(),
            "range": size,
            "volume": relative_volume(bars["volume"]),
            "volatility": volatility,
            "short": average_volatility(variance, decay=_SHORT_DECAY),
            "long": average_volatility(variance, decay=_LONG_DECAY),
            **har_means(size),
            **{name: fall.clip(-_MAX_FALL, 0.0) for name, fall in falls.items()},
            "scale": scale,
            "reference_price": reference,
            "last_return": moved / volatility,
            "distance": (close - close.rolling(WARM_UP).mean()) / volatility,
            "answer": np.log(bars[target].shift(-1) / reference) / scale,
        }
    )


def make_inputs(measured: pd.DataFrame, days_ahead: pd.Series, *, lookback: int, rows: np.ndarray) -> Inputs:
    """Return the windows that end with the sessions of these rows.

    Parameters
    ----------
    measured
        As `measure` returns it.
    days_ahead
        Calendar days from each session to the next one of its exchange, index `session`.
    rows
        Positions in `measured`, ascending, among those of `whole_windows`.
    """
    ends = measured.iloc[rows]
    return Inputs(
        x=_stack_windows(measured, rows, lookback=lookback),
        context=_stack_context(measured, ends, days_ahead.reindex(ends.index)),
        scale=ends["scale"].to_numpy(),
        reference_price=ends["reference_price"].to_numpy(),
        sessions=pd.DatetimeIndex(ends.index),
    )


def whole_windows(count: int, *, lookback: int) -> np.ndarray:
    """Return the positions, among `count` sessions, at which windows end whose averages have had `WARM_UP`."""
    return np.arange(min(max(WARM_UP, lookback) - 1, count), count)


def _stack_windows(measured: pd.DataFrame, rows: np.ndarray, *, lookback: int) -> np.ndarray:
    """Return windows with moves in units of the volatility at each window's end."""
    if not len(rows):
        return np.empty((0, lookback, len(INPUTS)), dtype=np.float32)
    columns = measured[list(INPUTS)].to_numpy(dtype=np.float64)
    windows = sliding_window_view(columns, lookback, axis=0)[rows - lookback + 1]
    windows = windows.transpose(0, 2, 1).copy()  # (N, lookback, 5)
    units = measured["volatility"].to_numpy()[rows][:, np.newaxis]
    windows[:, :, :3] /= units[:, :, np.newaxis]
    windows[:, :, 2] -= _USUAL_SIZE
    windows[:, :, 3] -= np.log(units)
    return _clip(windows)


def _stack_context(measured: pd.DataFrame, ends: pd.DataFrame, days_ahead: pd.Series) -> np.ndarray:
    volatility = np.log(ends["volatility"].to_numpy())
    columns = [
        np.minimum(days_ahead.to_numpy(dtype=np.float64), _MAX_DAYS) - _USUAL_DAYS,
        volatility - np.log(ends["long"].to_numpy()),
        np.log(ends["short"].to_numpy()) - volatility,
        *(_HAR_WEIGHT * (ends[f"mean_{count}"].to_numpy() - volatility) for count in HAR_SESSIONS),
        *(ends[f"fall_{count}"].to_numpy() for count in _FALLS),
        find_jumps(measured, ends.index, days_ahead),
    ]
    return _clip(np.column_stack(columns))


def _clip(numbers: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(numbers, -_MAX, _MAX), dtype=np.float32)
