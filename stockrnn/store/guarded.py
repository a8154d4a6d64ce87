"""What the database refuses, in words; `guards` makes the triggers of both databases from it."""

from collections.abc import Mapping

from stockrnn.store.schema import METADATA, instruments
from stockrnn.types import CONTINUOUS_CALENDARS, CONTINUOUS_HOURS

GUARDED: Mapping[str, str] = {
    "forecasts": "a forecast stands as it was issued",
    "scores": "a score stands, a later one is added beside it",
    "missed_nights": "a missed night stays missed",
    "promotions": "a decision stands, a later one is added",
}
"""Each table whose rows are only ever added, and why no row changes or goes.

A new one takes a line here and `sqlite_with_rowid=False` in the schema and in its migration.
"""

PREFIX = "stockrnn_"
"""Of the names of all triggers and their functions: what `guards` removes."""

HOURS_BEFORE, HOURS_AFTER = 14, 24
"""A session opens at most so long before and less than so long after its date begins in UTC.

Dates are the exchange's: time zones reach from UTC+14 to UTC-12. Of the 71 calendars from 2000 to 2027 the earliest
opens 3 hours before (Wellington), the latest 16 hours after (Sao Paulo).
"""

LATE = "a live forecast has to be recorded before its target session opens (live_until); later ones are hindcasts"
BAR_STORED = (
    "a live forecast has to be recorded before the bar of its target session is stored; later ones are hindcasts"
)
TIMES = (
    "cutoff, target_session, target_opens_at, live_until and issued_at have to be readable, and a session opens at "
    f"most {HOURS_BEFORE} hours before and less than {HOURS_AFTER} after its date begins in UTC"
)
LIVE_UNTIL = (
    "live_until is target_opens_at, but for a close on a market whose next session opens as the last one ends: there "
    f"at most {CONTINUOUS_HOURS} hours later"
)
CLOCK = "recorded_at is the clock of the database: leave it out"
MARKET = "instruments can not be rewritten: whether a ticker is real or simulated stands"
IN_USE = "instruments can not be rewritten: the record names this ticker"
SOURCE = "prices of a real ticker never come from the simulated market, nor the other way round"


def is_continuous(calendar: str) -> str:
    """Return an SQL condition: whether the calendar that an expression names is that of a continuous market."""
    return f"{calendar} in ({', '.join(repr(name) for name in CONTINUOUS_CALENDARS)})"


def naming_tickers() -> list[str]:
    """Return the guarded tables that name a ticker of `instruments`."""
    return [
        table for table in GUARDED if any(key.references(instruments.c.ticker) for key in METADATA.tables[table].c)
    ]
