"""Until when a forecast counts as live: before its session opens, with one exception for markets that never close."""

from datetime import date, datetime, timedelta

from stockrnn.market.calendars import Calendar
from stockrnn.types import CONTINUOUS_HOURS, Target

_GRACE_HOURS = 2
"""On a continuous market a run has so long after the bar has settled."""


def live_until(calendar: Calendar, *, cutoff: date, session: date, target: Target, settle_hours: float) -> datetime:
    """Return the moment before which a forecast of `session`, the first after `cutoff`, counts as live.

    That is when the session opens. On a continuous market (`Calendar.is_continuous`) the bar of the cutoff settles
    only after that, so a forecast of `close` is live there until two hours after it has settled, `CONTINUOUS_HOURS`
    after the opening at most.

    Parameters
    ----------
    settle_hours
        How long after a session's close its bar is final.
    """
    opens_at = calendar.opens_at(session)
    if not (calendar.is_continuous and target == "close"):
        return opens_at
    settled_at = calendar.closes_at(cutoff) + timedelta(hours=settle_hours)
    latest = opens_at + timedelta(hours=CONTINUOUS_HOURS)
    return max(opens_at, min(settled_at + timedelta(hours=_GRACE_HOURS), latest))


def can_be_live(calendar: Calendar, target: Target) -> bool:
    """Whether forecasts of a target can be live at all on most sessions: the bar before is final by then."""
    return target == "close" or not calendar.is_continuous
