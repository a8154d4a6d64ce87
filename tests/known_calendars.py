"""The calendars that a symbol can tell, and what holds for each of them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args

from stockrnn.market import symbols
from stockrnn.market.calendars import Calendar, calendar_at
from stockrnn.market.live import live_until
from stockrnn.types import CONTINUOUS_CALENDARS, CONTINUOUS_HOURS, Target

_BY_FORM = map(symbols.look_up_calendar, ("BTC-USD", "EURUSD=X", "GC=F"))
KNOWN_CALENDARS = sorted({*symbols._BY_SUFFIX.values(), *symbols._BY_INDEX.values(), *_BY_FORM})
ENDED = datetime(2027, 1, 5, 12, tzinfo=UTC)
"""Some calendars have ended by then."""
HOUR = timedelta(hours=1)


def _sessions(calendar: Calendar) -> list:
    return list(calendar.table.loc["2024-01-01":"2024-12-31"].index.date)


def check_hours(name: str) -> None:
    """There is a minute 35 between the settling of each bar and the end of the time in which a forecast is live."""
    calendar = calendar_at(name, ENDED)
    for cutoff in _sessions(calendar):
        session = calendar.next_session(cutoff)
        for settle_hours in (1, 4):
            settled = calendar.closes_at(cutoff) + settle_hours * HOUR
            run = settled.replace(minute=35) + (HOUR if settled.minute > 35 else timedelta(0))
            until = live_until(calendar, cutoff=cutoff, session=session, target="close", settle_hours=settle_hours)
            assert settled <= run < until, (name, cutoff, settle_hours)


def check_live(name: str) -> None:
    """Nothing is live after the opening but closes of continuous markets, and those long before the close."""
    calendar = calendar_at(name, ENDED)
    for cutoff, session in list(pairwise(_sessions(calendar)))[::5]:
        opens_at, closes_at = calendar.opens_at(session), calendar.closes_at(session)
        for target in get_args(Target):
            found = live_until(calendar, cutoff=cutoff, session=session, target=target, settle_hours=4)
            if name in CONTINUOUS_CALENDARS and target == "close":
                assert opens_at <= found <= opens_at + CONTINUOUS_HOURS * HOUR, (name, session)
                assert found < closes_at, (name, session)
            else:
                assert found == opens_at, (name, session, target)
