"""How much each session moved, from its four prices: more than closes alone can say."""

import numpy as np
import pandas as pd
from scipy.signal import lfilter

_MIN_VARIANCE = 1e-8
_SIZE_DECAY = 0.998
_SIZE_PRIOR = 100.0  # sessions
_SIZE_FROM = 60
_MAX_SIZE = 6.0
_MIN_SIZE = 0.1
_VOLUME_SESSIONS = 20
_MAX_VOLUME = 3.0
_USUAL_MOVE = 0.75  # of stocks' closes in units of volatility, tails being fat


def session_variances(bars: pd.DataFrame) -> pd.Series:
    """Return the variance of each session's log return, while the exchange was open and overnight.

    Garman & Klass (1980), "On the Estimation of Security Price Volatilities from Historical Data", equation 20
    without its small terms, plus the overnight return squared.

    Parameters
    ----------
    bars
        Index `session`, ascending; open, high, low, close positive.

    Returns
    -------
    Series
        At least 1e-8, no NaN; the first session is without an overnight return.
    """
    opened, high, low, close = np.log(bars[["open", "high", "low", "close"]].to_numpy(dtype=np.float64)).T
    overnight = np.zeros(len(bars))
    overnight[1:] = opened[1:] - close[:-1]
    traded = 0.5 * (high - low) ** 2 - (2 * np.log(2) - 1) * (close - opened) ** 2
    return pd.Series(np.maximum(traded + overnight**2, _MIN_VARIANCE), index=bars.index)


def average_volatility(variances: pd.Series, *, decay: float) -> pd.Series:
    """Return the root of the exponentially weighted mean of variances, known after each session.

    decay: the share of its weight that a session keeps per later one.
    """
    mean: pd.Series = variances.ewm(alpha=1 - decay, adjust=True).mean()
    return mean.pow(0.5)


def usual_move(target: pd.Series, reference: pd.Series, volatility: np.ndarray) -> np.ndarray:
    """Return per session how large the moves to the target up to then were in units of volatility; 1 is usual.

    The root of an exponentially weighted mean that begins as if `_SIZE_PRIOR` sessions had been usual: the root goes
    only halfway, since what set a ticker apart in the past sets it less apart later. It makes the targets of
    different tickers and prices more alike: an open moves less than a close, by more for some tickers than others.
    """
    moves = np.abs(np.log((target / reference.shift(1)).to_numpy(dtype=np.float64)))
    sizes = np.minimum(moves[_SIZE_FROM:] / volatility[_SIZE_FROM - 1 : -1], _MAX_SIZE)
    known = np.isfinite(sizes)
    total = _accumulate(np.where(known, sizes, 0.0), start=_SIZE_PRIOR * _USUAL_MOVE)
    mean = np.full(len(target), 1.0)
    mean[_SIZE_FROM:] = total / _accumulate(known.astype(np.float64), start=_SIZE_PRIOR) / _USUAL_MOVE
    return np.asarray(np.sqrt(np.maximum(mean, _MIN_SIZE)))


def relative_volume(volume: pd.Series) -> pd.Series:
    """Return log volume less its mean over the last 20 sessions; 0 where there is none, as for an index."""
    traded = volume.to_numpy(dtype=np.float64)
    known = pd.Series(np.log(traded, out=np.full(len(traded), np.nan), where=traded > 0), index=volume.index).ffill()
    relative = (known - known.rolling(_VOLUME_SESSIONS, min_periods=1).mean()).to_numpy()
    return pd.Series(np.nan_to_num(np.clip(relative, -_MAX_VOLUME, _MAX_VOLUME), nan=0.0), index=volume.index)


def _accumulate(numbers: np.ndarray, *, start: float) -> np.ndarray:
    """Return the running sum, which decays by `_SIZE_DECAY`."""
    if not len(numbers):
        return numbers
    return np.asarray(lfilter([1.0], [1.0, -_SIZE_DECAY], numbers, zi=[_SIZE_DECAY * start])[0])
