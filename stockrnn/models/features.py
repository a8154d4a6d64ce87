"""Scale-free inputs of the quantile network, known at the cutoff and in units of recent volatility.

A window does not depend on the level of prices or of turnover, so one network serves all tickers, also those that
it was not trained on.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stockrnn.evaluation.benchmarks import reference_column
from stockrnn.evaluation.har import HAR_SESSIONS, HAR_TERMS, har_means
from stockrnn.evaluation.intervals import VOLATILITY_DECAY
from stockrnn.evaluation.ranges import average_volatility, relative_volume, session_variances, usual_move
from stockrnn.models.jumps import JUMPS, find_jumps, size_jumps
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
_MEANS = HAR_TERMS[:-1]
_CONTEXT_FROM = ("volatility", "short", "long", *_MEANS, *(f"fall_{count}" for count in _FALLS))
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
        Index `session`. `INPUTS` (moves as log returns), `volatility`, `short`, `long`, the terms of HAR; `fall_*`
        and `last_return` over volatility; `jump` as of `jumps.size_jumps`; `scale` and `reference_price` as in
        `Inputs`; `distance` of the close from its mean over `WARM_UP` sessions, in logs over volatility; `answer`,
        the log return from the reference price to the next session's target over the scale, NaN in the last row.
    """
    opened, close = (np.log(bars[name].to_numpy(dtype=np.float64)) for name in ("open", "close"))
    moved, overnight = _change(close), opened - _shift(close)
    variance, volume = session_variances(bars), relative_volume(bars["volume"])
    volatility, short, long = (
        average_volatility(variance, decay=decay).to_numpy()
        for decay in (VOLATILITY_DECAY, _SHORT_DECAY, _LONG_DECAY)
    )
    sizes = 0.5 * np.log(variance)
    reference = bars[reference_column(target)].to_numpy(dtype=np.float64)
    scale = volatility * usual_move(bars[target], bars[reference_column(target)], volatility)
    following = _shift(bars[target].to_numpy(dtype=np.float64), -1)
    falls = (_change(close, count) / volatility / np.sqrt(count) for count in _FALLS)
    columns = {
        "return": moved,
        "overnight": overnight,
        "size": np.abs(moved),
        "range": sizes.to_numpy(),
        "volume": volume.to_numpy(),
        "volatility": volatility,
        "short": short,
        "long": long,
        **{name: mean.to_numpy() for name, mean in har_means(sizes).items()},
        **{f"fall_{count}": np.clip(fall, -_MAX_FALL, 0.0) for count, fall in zip(_FALLS, falls, strict=True)},
        "jump": size_jumps(overnight, volume.to_numpy()),
        "scale": scale,
        "reference_price": reference,
        "last_return": moved / volatility,
        "distance": (close - pd.Series(close).rolling(WARM_UP).mean().to_numpy()) / volatility,
        "answer": np.log(following / reference) / scale,
    }
    return pd.DataFrame(columns, index=bars.index)


def _shift(values: np.ndarray, by: int = 1) -> np.ndarray:
    """Return what stood `by` sessions before, or after for a negative one; NaN where nothing did."""
    shifted = np.full(len(values), np.nan)
    here, there = (slice(by, None), slice(None, -by)) if by > 0 else (slice(None, by), slice(-by, None))
    shifted[here] = values[there]
    return shifted


def _change(values: np.ndarray, by: int = 1) -> np.ndarray:
    return np.asarray(values - _shift(values, by))


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
    sessions = pd.DatetimeIndex(measured.index[rows])
    days = days_ahead.to_numpy(dtype=np.float64)[days_ahead.index.get_indexer(sessions)]
    return Inputs(
        x=_stack_windows(measured, rows, lookback=lookback),
        context=_stack_context(measured, rows, days),
        scale=measured["scale"].to_numpy()[rows],
        reference_price=measured["reference_price"].to_numpy()[rows],
        sessions=sessions,
    )


def whole_windows(count: int, *, lookback: int) -> np.ndarray:
    """Return the positions, among `count` sessions, at which windows end whose averages have had `WARM_UP`."""
    return np.arange(min(max(WARM_UP, lookback) - 1, count), count)


def _stack_windows(measured: pd.DataFrame, rows: np.ndarray, *, lookback: int) -> np.ndarray:
    """Return windows with moves in units of the volatility at each window's end."""
    if not len(rows):
        return np.empty((0, lookback, len(INPUTS)), dtype=np.float32)
    columns = np.column_stack([measured[name].to_numpy() for name in INPUTS])
    windows = columns[rows[:, np.newaxis] + np.arange(1 - lookback, 1)]  # (N, lookback, 5)
    units = measured["volatility"].to_numpy()[rows]
    over, less = np.ones((len(rows), 1, len(INPUTS))), np.zeros((len(rows), 1, len(INPUTS)))
    over[:, 0, :3] = units[:, np.newaxis]
    less[:, 0, 2], less[:, 0, 3] = _USUAL_SIZE, np.log(units)
    return _clip(windows / over - less)


def _stack_context(measured: pd.DataFrame, rows: np.ndarray, days_ahead: np.ndarray) -> np.ndarray:
    known = {name: measured[name].to_numpy()[rows] for name in _CONTEXT_FROM}
    volatility = np.log(known["volatility"])
    columns = [
        np.minimum(days_ahead, _MAX_DAYS) - _USUAL_DAYS,
        volatility - np.log(known["long"]),
        np.log(known["short"]) - volatility,
        *(_HAR_WEIGHT * (known[name] - volatility) for name in _MEANS),
        *(known[f"fall_{count}"] for count in _FALLS),
        find_jumps(measured["jump"], rows, days_ahead),
    ]
    return _clip(np.column_stack(columns))


def _clip(numbers: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(numbers, -_MAX, _MAX), dtype=np.float32)
