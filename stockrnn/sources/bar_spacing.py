"""What a file's bars are, by how far they lie apart: daily ones, or others that would let a forecast look ahead."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stockrnn.errors import PriceFileError
from stockrnn.sources.csv_layouts import describe_minutes

_MIN_ROWS = 10
_REGULAR = 0.9
"""So large a share of the gaps is that of the kind: a stock that trades now and then has all sorts."""
_SPACINGS = {"weekly": (5, 9), "monthly": (26, 34), "quarterly": (85, 97), "yearly": (355, 375)}
"""Days from one bar to the next, at least and at most."""
_EXPORT = "a bar of a week dated at its start holds later prices than its date says: export daily bars"
_MINUTES = 60


def require_daily(path: Path, sessions: pd.Series, *, expected: int) -> None:
    """Refuse a file of weekly, monthly, quarterly or yearly bars.

    Parameters
    ----------
    sessions
        The days of the bars, ascending.
    expected
        How many sessions the exchange had from the first to the last of them.

    Raises
    ------
    PriceFileError
    """
    if len(sessions) < _MIN_ROWS:
        return
    gaps = sessions.diff().dt.days.to_numpy()[1:]  # (N - 1,), in days
    for kind, (least, most) in _SPACINGS.items():
        if np.mean((gaps >= least) & (gaps <= most)) >= _REGULAR:
            per_bar = max(round(expected / len(sessions)), 2)
            raise PriceFileError(
                path, f"looks like {kind} bars: {per_bar - 1} in {per_bar} sessions missing", _EXPORT
            )


def explain_intraday(times: Sequence[str]) -> str | None:
    """Say what bars of one day are whose times differ, `09:30`, `10:30`, ...; None where they are the same.

    >>> explain_intraday(["09:30", "10:30", "11:30"])
    'looks like hourly bars'
    """
    if not all(len(time) == len("09:30") and time.replace(":", "").isdecimal() for time in times):
        return None
    minutes = sorted({int(time[:2]) * _MINUTES + int(time[3:]) for time in times})
    steps = np.diff(minutes)
    return f"looks like {describe_minutes(int(steps.min()))}" if len(steps) else None
