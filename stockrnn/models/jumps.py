"""Overnight jumps that come back: how large they were a quarter and a year before the next session.

Companies report four times a year, most of them on the same weekday thirteen weeks later, and their price opens far
from the last close, on high volume: Beaver (1968), "The Information Content of Annual Earnings Announcements". When a
company has reported before can be seen in its prices, so nothing but prices is needed.
"""

import numpy as np
import pandas as pd

JUMPS = (
    "quarterly_0",
    "quarterly_1",
    "quarterly_7",
    "yearly_0",
    "yearly_1",
    "yearly_7",
    "recent_jump",
    "due_0",
    "due_1",
    "due_7",
)
"""The mean jump so many quarters and years before the session, at most so many days off; the largest one of late; the
quarterly ones as long as none was of late."""

_QUARTER, _YEAR = 91, 364  # whole weeks: the weekday is the same
_QUARTERS, _YEARS = 8, 3
_DAYS_OFF = (0, 1, 7)
_RECENT_SESSIONS = 31
_OVER = 3.0  # how fast a jump of late says that the quarter's one has been
_SLOW_DECAY = 0.98
_FROM_SESSIONS = 40
_MAX_SIZE, _MAX_VOLUME = 2.5, 1.5
# what is usual, so that the numbers are near 0 with a spread near 1
_USUAL = np.array([0.1, 0.2, 0.4, 0.15, 0.25, 0.4, 0.5, 0.1, 0.15, 0.2])
_MIN = -2.0


def find_jumps(measured: pd.DataFrame, ends: pd.Index, days_ahead: pd.Series) -> np.ndarray:
    """Return what the jumps so far say of the session after each of `ends`.

    Parameters
    ----------
    measured
        Index `session`, columns `overnight` (log return) and `volume` (log of relative volume).
    ends
        Sessions among its index.
    days_ahead
        Calendar days from each of them to the session after it, index `session`.

    Returns
    -------
    ndarray
        Columns `JUMPS`, shape (len(ends), 10), no NaN.
    """
    if not len(ends):
        return np.empty((0, len(JUMPS)))
    jumps = _size_jumps(measured)
    by_day = jumps.reindex(pd.date_range(jumps.index[0], jumps.index[-1]), fill_value=0.0).to_numpy()
    ahead = ends + pd.to_timedelta(days_ahead.to_numpy(dtype=np.float64), unit="D")
    days = np.asarray((ahead - jumps.index[0]).days)
    quarterly, yearly = (
        [_mean_before(by_day, days, every=every, count=count, days_off=off) for off in _DAYS_OFF]
        for every, count in ((_QUARTER, _QUARTERS), (_YEAR, _YEARS))
    )
    recent = jumps.rolling(_RECENT_SESSIONS, min_periods=1).max().reindex(ends).to_numpy()
    due = [jump * np.exp(-_OVER * recent) for jump in quarterly]
    columns = np.column_stack([*quarterly, *yearly, recent, *due])
    return np.asarray(np.maximum(columns / _USUAL - 1, _MIN))


def _size_jumps(measured: pd.DataFrame) -> pd.Series:
    """Return per session by how much it opened further off than usual, in logs, times by how much volume was high."""
    overnight = measured["overnight"].abs()
    usual = overnight.ewm(alpha=1 - _SLOW_DECAY, min_periods=_FROM_SESSIONS).mean().shift(1)
    size = np.log((overnight / usual.where(usual > 0)).clip(lower=1.0)).fillna(0.0)
    jumps: pd.Series = size.clip(upper=_MAX_SIZE) * measured["volume"].clip(0.0, _MAX_VOLUME)
    return jumps


def _mean_before(by_day: np.ndarray, days: np.ndarray, *, every: int, count: int, days_off: int) -> np.ndarray:
    """Return the mean of the largest jumps within `days_off` of 1, 2, ... `count` times `every` days before each day.

    Of a history that is shorter the mean is over the times that it has, and 0 where it has none.
    """
    width = 2 * days_off + 1
    padded = np.concatenate([np.zeros(days_off), by_day, np.zeros(days_off)])
    largest = np.lib.stride_tricks.sliding_window_view(padded, width).max(axis=1)  # one per day
    total, known = np.zeros(len(days)), np.zeros(len(days))
    for times in range(1, count + 1):
        at = days - times * every
        there = (at >= 0) & (at < len(by_day))
        total[there] += largest[at[there]]
        known += there
    return np.asarray(total / np.maximum(known, 1))
