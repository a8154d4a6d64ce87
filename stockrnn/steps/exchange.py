"""An exchange's calendar as the settings have it: with closures and sessions that its package does not know."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache

from stockrnn.errors import UnknownCalendarError
from stockrnn.market.calendars import Calendar, calendar_at, canonical_name, is_calendar
from stockrnn.settings import Settings
from stockrnn.steps.failures import join_tickers
from stockrnn.store.calendar_changes import CalendarChange

WARN_DAYS = 60
"""So long before a calendar ends it is said."""


def load_exchange(
    settings: Settings, name: str, *, as_of: datetime, believed: Sequence[CalendarChange] = ()
) -> Calendar:
    """Return the calendar `name`, reaching at least a year beyond `as_of`, with the settings' changes.

    Parameters
    ----------
    believed
        What the source showed; where the settings say otherwise, they count.

    Raises
    ------
    UnknownCalendarError
        There is none of that name, or of one that the settings name.
    BrokenCalendarError
    """
    changed = {*settings.extra_closures, *settings.extra_sessions}
    unknown = [one for one in sorted(changed) if not is_calendar(one)]
    if unknown:
        raise UnknownCalendarError(
            f"extra_closures or extra_sessions of stockrnn.toml name no calendar {', '.join(unknown)}; expected a "
            "market identifier code such as XIDX"
        )
    closures, sessions = (find_days(days, name) for days in (settings.extra_closures, settings.extra_sessions))
    if not closures and not sessions and not believed:
        return calendar_at(name, as_of)
    shown = {kind: [one.session for one in believed if one.kind == kind] for kind in ("closure", "session")}
    return _change(
        name,
        as_of.year,
        tuple(sorted({*closures, *shown["closure"]} - {*sessions})),
        tuple(sorted({*sessions, *shown["session"]} - {*closures})),
    )


def find_days(days: Mapping[str, Sequence[date]], name: str) -> tuple[date, ...]:
    """Return the days of a calendar in `extra_closures` or `extra_sessions`, under whichever of its names."""
    if not days:  # as a rule
        return ()
    same = [found for one, found in days.items() if canonical_name(one) == canonical_name(name)]
    return tuple(sorted({day for found in same for day in found}))


@cache
def _change(name: str, year: int, closures: tuple[date, ...], sessions: tuple[date, ...]) -> Calendar:
    calendar = calendar_at(name, datetime(year, 6, 30, tzinfo=UTC))
    return calendar.with_changes(closures=closures, sessions=sessions)


def explain_ends(calendars: Iterable[tuple[str, Calendar]], *, now: datetime) -> tuple[str, ...]:
    """Say which calendars end soon or have ended, each with its tickers.

    Parameters
    ----------
    calendars
        Tickers, each with its calendar.
    """
    ending: dict[str, list[str]] = {}
    for ticker, calendar in calendars:
        words = calendar.explain_end(now, days=WARN_DAYS)
        if words:
            ending.setdefault(words, []).append(ticker)
    return tuple(
        f"{words} (of {join_tickers(tickers)}); after that its sessions are assumed by the weekday"
        for words, tickers in ending.items()
    )
