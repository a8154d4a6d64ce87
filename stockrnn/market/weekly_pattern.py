"""Sessions where a calendar knows none: before its first day and after its last, by the pattern of its weeks."""

import numpy as np
import pandas as pd

_YEAR = pd.Timedelta(days=365)
_MIN_SHARE = 0.5
"""Of the weeks of a year: on a weekday with sessions in fewer the exchange is taken to be closed."""


def extend_table(table: pd.DataFrame, *, timezone: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Add the sessions from `first` on and up to `last` that the weeks of the nearest known year suggest.

    They open and close when most sessions of that year do, by the exchange's own clock.

    Parameters
    ----------
    table
        Index `session` (naive midnight, ascending), columns `opens` and `closes` (aware UTC).
    """
    known = pd.DatetimeIndex(table.index)
    day = pd.Timedelta(days=1)
    before = _assume(table.loc[: known[0] + _YEAR], timezone, pd.date_range(first, known[0] - day))
    after = _assume(table.loc[known[-1] - _YEAR :], timezone, pd.date_range(known[-1] + day, last))
    parts = [part for part in (before, table, after) if len(part)]
    return pd.concat(parts).rename_axis("session") if len(parts) > 1 else table


def add_sessions(table: pd.DataFrame, days: pd.DatetimeIndex, *, timezone: str) -> pd.DataFrame:
    """Add sessions that open and close at the usual hours of the year around each."""
    new = days.difference(pd.DatetimeIndex(table.index))
    made = [_make(_near(table, day), timezone, pd.DatetimeIndex([day])) for day in new]
    return pd.concat([table, *made]).sort_index().rename_axis("session") if made else table


def _near(table: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    near = table.loc[day - _YEAR : day + _YEAR]
    return near if len(near) else table


def _assume(known: pd.DataFrame, timezone: str, days: pd.DatetimeIndex) -> pd.DataFrame:
    weekdays = pd.DatetimeIndex(known.index).dayofweek
    weeks = max(len(pd.DatetimeIndex(known.index).to_period("W").unique()), 1)
    usual = np.bincount(weekdays, minlength=7) >= _MIN_SHARE * weeks
    return _make(known, timezone, days[usual[days.dayofweek]])


def _make(known: pd.DataFrame, timezone: str, days: pd.DatetimeIndex) -> pd.DataFrame:
    columns = {name: _at_usual_time(known[name], timezone, days) for name in ("opens", "closes")}
    return pd.DataFrame(columns, index=days.as_unit("ns"))


def _at_usual_time(moments: pd.Series, timezone: str, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return when most of the moments lie after the midnight of their session, on each of the days; aware UTC."""
    local = pd.DatetimeIndex(moments).tz_convert(timezone).tz_localize(None)
    offset = pd.Series(local - pd.DatetimeIndex(moments.index)).mode().iloc[0]
    wall = pd.DatetimeIndex(days) + offset
    aware = wall.tz_localize(timezone, ambiguous=np.ones(len(wall), dtype=bool), nonexistent="shift_forward")
    return aware.tz_convert("UTC").as_unit("ns")
