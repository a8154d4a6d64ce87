"""Sessions, not dates: what an exchange's calendar says.

Times are aware UTC datetimes, sessions exchange-local dates. Source: the `exchange_calendars` package.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

import exchange_calendars as xc
import numpy as np
import pandas as pd
from exchange_calendars.errors import InvalidCalendarName

from stockrnn.errors import BrokenCalendarError, UnknownCalendarError, UsageError
from stockrnn.market.weekly_pattern import add_sessions, extend_table
from stockrnn.types import CONTINUOUS_CALENDARS

_FIRST = pd.Timestamp("1960-01-01")
_FIRST_ASSUMED = pd.Timestamp("1900-01-01")
_SAFE_YEAR = ("2024-01-02", "2024-12-31")
"""Days that every calendar knows."""
_MAX_SHOWN = 100
_MIN_SHOWN = 10
"""So many bars on a weekday on which the weekly pattern has no session tell that there were some."""


@dataclass(frozen=True)
class Calendar:
    """The sessions of one exchange, far enough ahead for every question asked of it.

    Before the first and after the last day that the calendar knows, its sessions are assumed by the weekly pattern.

    Attributes
    ----------
    name
        Market identifier code, or `24/7`, `24/5`.
    timezone
        Where the exchange's dates are counted, such as `America/New_York`.
    table
        Index `session` (naive midnight, ascending), columns `opens` and `closes` (aware UTC).
    known_from, known_through
        The days that the calendar knows.
    """

    name: str
    timezone: str
    table: pd.DataFrame
    known_from: date
    known_through: date

    @property
    def is_continuous(self) -> bool:
        """Whether its next session opens as the last one ends, as around the clock."""
        return self.name in CONTINUOUS_CALENDARS

    def sessions(self, first: date, last: date) -> pd.DatetimeIndex:
        """Return all sessions from `first` to `last`, both included."""
        return pd.DatetimeIndex(self.table.loc[pd.Timestamp(first) : pd.Timestamp(last)].index)

    def known_sessions(self, first: date, last: date) -> pd.DatetimeIndex:
        """Return the sessions from `first` to `last` that are not assumed: whose bars have to be there."""
        return self.sessions(max(first, self.known_from), min(last, self.known_through))

    def is_assumed(self, session: date) -> bool:
        """Whether the calendar does not know that day: holidays are not known, only the weeks."""
        return not self.known_from <= session <= self.known_through

    def explain_end(self, now: datetime, *, days: int) -> str | None:
        """Say that the calendar ends within `days` days, or has; None where it goes on for longer.

        One that was loaded for a time long ago ends nowhere: it was asked for no more.
        """
        ends = self.is_assumed(self.table.index[-1].date())
        if not ends or self.known_through - now.date() > timedelta(days=days):
            return None
        return f"calendar {self.name} ends on {self.known_through}; update exchange-calendars"

    def with_changes(self, *, closures: Iterable[date] = (), sessions: Iterable[date] = ()) -> "Calendar":
        """Return the calendar without some sessions and with others, which open and close at the usual hours."""
        closed = pd.DatetimeIndex(list(closures)).as_unit("ns")
        kept = self.table.loc[~self.table.index.isin(closed)]
        added = pd.DatetimeIndex(list(sessions)).as_unit("ns")
        return replace(self, table=add_sessions(kept, added, timezone=self.timezone))

    def with_unknown_past(self, days: pd.DatetimeIndex) -> "Calendar":
        """Return the calendar with the sessions that bars show before the first day that it knows.

        The weeks may have been others then: a weekday counts that the bars show ten times.
        """
        past = days[(days < pd.Timestamp(self.known_from)) & ~days.isin(self.table.index)]
        often = np.bincount(past.dayofweek, minlength=7) >= _MIN_SHOWN
        shown = past[often[past.dayofweek] & (past >= _FIRST_ASSUMED)]
        return self.with_changes(sessions=[day.date() for day in shown]) if len(shown) else self

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
    BrokenCalendarError
        It has one and can't load it.
    """
    # of a time before the first session it is asked, too, and a calendar has to have some
    last = pd.Timestamp(year=max(through_year, _FIRST.year + 1), month=12, day=31)
    calendar, first, through = _load(name, last)
    table = pd.DataFrame({"opens": calendar.opens, "closes": calendar.closes}).rename_axis("session")
    timezone = str(calendar.tz)
    return Calendar(
        name=name,
        timezone=timezone,
        table=extend_table(table, timezone=timezone, first=_FIRST_ASSUMED, last=max(last, through)),
        known_from=first.date(),
        known_through=through.date(),
    )


def is_calendar(name: str) -> bool:
    """Whether there is a calendar of that name."""
    return name in xc.get_calendar_names()


def canonical_name(name: str) -> str:
    """Return the name of a calendar that goes by others too, as XNYS does by NYSE; others as they are."""
    return str(xc.resolve_alias(name)) if is_calendar(name) else name


def _load(name: str, last: pd.Timestamp) -> tuple[xc.ExchangeCalendar, pd.Timestamp, pd.Timestamp]:
    """Return the package's calendar, up to `last` if it knows so much, and the days that it knows."""
    try:
        bounds = xc.get_calendar(name, start=_SAFE_YEAR[0], end=_SAFE_YEAR[1])
        first = max(_FIRST, bounds.bound_min() or _FIRST)
        through = min(last, bounds.bound_max() or last)
        through = max(through, first + pd.Timedelta(days=366))
        return xc.get_calendar(name, start=first, end=through), first, through
    except InvalidCalendarName:
        raise UnknownCalendarError(
            f"no calendar {name!r}; expected a market identifier code such as XNYS, or 24/7"
        ) from None
    except Exception as error:
        problem = f"{type(error).__name__}: {' '.join(str(error).split())[:_MAX_SHOWN]}"
        raise BrokenCalendarError(name, problem) from error


def calendar_at(name: str, as_of: datetime) -> Calendar:
    """Return the calendar `name`, reaching at least a year beyond `as_of`."""
    return load_calendar(name, through_year=as_of.astimezone(UTC).year + 2)
