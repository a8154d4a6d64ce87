"""Sessions, not dates: what an exchange's calendar says.

Times are aware UTC datetimes, sessions exchange-local dates. Source: the `exchange_calendars` package.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

import exchange_calendars as xc
import numpy as np
import pandas as pd
from exchange_calendars.errors import InvalidCalendarName

from stockrnn.errors import UnknownCalendarError, UsageError
from stockrnn.types import CONTINUOUS_CALENDARS

_FIRST = pd.Timestamp("1960-01-01")


@dataclass(frozen=True)
class Calendar:
    """The sessions of one exchange, far enough ahead for every question asked of it.

    Attributes
    ----------
    name
        Market identifier code, or `24/7`, `24/5`.
    timezone
        Where the exchange's dates are counted, such as `America/New_York`.
    table
        Index `session` (naive midnight, ascending), columns `opens` and `closes` (aware UTC).
    """

    name: str
    timezone: str
    table: pd.DataFrame

    @property
    def is_continuous(self) -> bool:
        """Whether its next session opens as the last one ends, as around the clock."""
        return self.name in CONTINUOUS_CALENDARS

    def sessions(self, first: date, last: date) -> pd.DatetimeIndex:
        """Return all sessions from `first` to `last`, both included."""
        return pd.DatetimeIndex(self.table.loc[pd.Timestamp(first) : pd.Timestamp(last)].index)

    def next_session(self, session: date) -> date:
        """Return the first session after `session`."""
        return self._session(self.table.index.searchsorted(pd.Timestamp(session), side="right"))

    def opens_at(self, session: date) -> datetime:
        """Return when `session` opens, in UTC; `KeyError` for a day without a session."""
        opens: pd.Timestamp = self.table["opens"][pd.Timestamp(session)]
        return opens.to_pydatetime()

    def closes_at(self, session: date) -> datetime:
        """Return when `session` closes, in UTC; `KeyError` for a day without a session."""
        closes: pd.Timestamp = self.table["closes"][pd.Timestamp(session)]
        return closes.to_pydatetime()

    def last_closed(self, as_of: datetime) -> date:
        """Return the last session whose close is not after `as_of`; `UsageError` before the first one."""
        closed = self._closes.searchsorted(pd.Timestamp(as_of), side="right")
        if closed == 0:
            first = self.table.index[0].date()
            raise UsageError(f"no session of {self.name} is known to have closed by {as_of}; the first is {first}")
        return self._session(closed - 1)

    def last_settled(self, as_of: datetime, *, settle_hours: float) -> date:
        """Return the last session that closed at least `settle_hours` before `as_of`: its bar is final by then."""
        return self.last_closed(as_of - timedelta(hours=settle_hours))

    def session_offset(self, session: date, count: int) -> date:
        """Return the session `count` sessions after `session`, before it where negative; within the calendar."""
        position = int(self.table.index.searchsorted(pd.Timestamp(session))) + count
        return self._session(min(max(position, 0), len(self.table) - 1))

    def next_to_open(self, as_of: datetime) -> date:
        """Return the first session that has not opened at `as_of`."""
        return self._session(self._opens.searchsorted(pd.Timestamp(as_of), side="right"))

    @property
    def _opens(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.table["opens"])

    @property
    def _closes(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.table["closes"])

    def _session(self, position: np.intp | int) -> date:
        return pd.DatetimeIndex(self.table.index)[int(position)].date()


@cache
def load_calendar(name: str, *, through_year: int) -> Calendar:
    """Return the calendar `name` up to the end of `through_year`.

    Raises
    ------
    UnknownCalendarError
        `exchange_calendars` has no calendar of that name.
    """
    try:
        bounds = xc.get_calendar(name)
    except InvalidCalendarName:
        raise UnknownCalendarError(
            f"no calendar {name!r}; expected a market identifier code such as XNYS, or 24/7"
        ) from None
    first = max(_FIRST, bounds.bound_min() or _FIRST)
    # of a time before the first session it is asked, too, and a calendar has to have some
    last = pd.Timestamp(year=max(through_year, first.year + 1), month=12, day=31)
    calendar = xc.get_calendar(name, start=first, end=min(last, bounds.bound_max() or last))
    table = pd.DataFrame({"opens": calendar.opens, "closes": calendar.closes})
    return Calendar(name, str(calendar.tz), table.rename_axis("session"))


def calendar_at(name: str, as_of: datetime) -> Calendar:
    """Return the calendar `name`, reaching at least a year beyond `as_of`."""
    return load_calendar(name, through_year=as_of.astimezone(UTC).year + 2)
