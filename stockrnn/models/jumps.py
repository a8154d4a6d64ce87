"""Overnight jumps that come back: how large they were a quarter and a year before the next session.

Companies report four times a year, most of them on the same weekday thirteen weeks later, and their price opens far
from the last close, on high volume: Beaver (1968), "The Information Content of Annual Earnings Announcements". When a
company has reported before can be seen in its prices, so nothing but prices is needed.
"""

import numpy as np
import pandas as pd
from scipy.ndimage import maximum_filter1d

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


def size_jumps(overnight: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Return per session by how much it opened further off than usual, in logs, times by how much volume was high.

    Parameters
    ----------
    overnight
        The log return from the last close to each open, shape (T,).
    volume
        The log of relative volume, shape (T,).

    Returns
    -------
    ndarray
        0 where nothing was unusual, as known after the session; no NaN.
    """
    moved = np.abs(overnight)
    means = pd.Series(moved).ewm(alpha=1 - _SLOW_DECAY, min_periods=_FROM_SESSIONS).mean().to_numpy()
    usual = np.concatenate([[np.nan], means[:-1]])[: len(moved)]
    known = np.isfinite(moved) & (usual > 0)
    ratio = np.divide(moved, usual, out=np.ones(len(moved)), where=known)
    size = np.log(np.maximum(ratio, 1.0))
    return np.asarray(np.minimum(size, _MAX_SIZE) * np.clip(volume, 0.0, _MAX_VOLUME))


def find_jumps(jumps: pd.Series, rows: np.ndarray, days_ahead: np.ndarray) -> np.ndarray:
    """Return what the jumps so far say of the session after each of `rows`.

    Parameters
    ----------
    jumps
        As `size_jumps` returns them, of all sessions, index `session`.
    rows
        Positions in it.
    days_ahead
        Calendar days from each of these sessions to the one after it, shape (len(rows),).

    Returns
    -------
    ndarray
        Columns `JUMPS`, shape (len(rows), 10), no NaN.
    """
    if not len(rows):
        return np.empty((0, len(JUMPS)))
    known = (jumps.index.to_numpy() - jumps.index.to_numpy()[0]).astype("timedelta64[D]").astype(np.int64)
    by_day = np.zeros(known[-1] + 1)
    by_day[known] = jumps.to_numpy()
    days = known[rows] + days_ahead.astype(np.int64)
    quarterly, yearly = (
        [_mean_before(by_day, days, every=every, count=count, days_off=off) for off in _DAYS_OFF]
        for every, count in ((_QUARTER, _QUARTERS), (_YEAR, _YEARS))
    )
    recent = jumps.rolling(_RECENT_SESSIONS, min_periods=1).max().to_numpy()[rows]
    due = [jump * np.exp(-_OVER * recent) for jump in quarterly]
    columns = np.column_stack([*quarterly, *yearly, recent, *due])
    return np.asarray(np.maximum(columns / _USUAL - 1, _MIN))


def _mean_before(by_day: np.ndarray, days: np.ndarray, *, every: int, count: int, days_off: int) -> np.ndarray:
    """Return the mean of the largest jumps within `days_off` of 1, 2, ... `count` times `every` days before each day.

    Of a history that is shorter the mean is over the times that it has, and 0 where it has none.
    """
    largest = maximum_filter1d(by_day, 2 * days_off + 1, mode="constant")  # around each day
    total, known = np.zeros(len(days)), np.zeros(len(days))
    for times in range(1, count + 1):
        at = days - times * every
        there = (at >= 0) & (at < len(by_day))
        total[there] += largest[at[there]]
        known += there
    return np.asarray(total / np.maximum(known, 1))
