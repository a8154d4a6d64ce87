"""Daily bars of January 2020, made by hand for tests of what is checked in them."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from stockrnn.market.bars import check_bars
from stockrnn.types import BAR_COLUMNS

NAN = float("nan")
# January 2020 in New York: 21 sessions, none on the 1st and the 20th
SESSIONS = pd.bdate_range("2020-01-02", "2020-01-31", name="session").drop("2020-01-20").as_unit("ns")
CLOSES = pd.Series((SESSIONS + pd.Timedelta(hours=21)).tz_localize("UTC"), index=SESSIONS, name="closes")
LATER = datetime(2021, 1, 1, tzinfo=UTC)
GOOD = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "adj_close": 10.5, "volume": 1000.0}
MOVES = st.lists(st.floats(-0.05, 0.05), min_size=11, max_size=20)


def make_rows(*bars):
    """One row for each bar, a changed `GOOD`; without a session, they get consecutive ones."""
    rows = [{"session": SESSIONS[i], **GOOD, **bar} for i, bar in enumerate(bars)]
    frame = pd.DataFrame(rows, columns=["session", *BAR_COLUMNS])
    return frame.astype("float64", errors="ignore").assign(session=pd.to_datetime(frame["session"]))


def make_flat(*closes):
    """One row for each close, with all prices equal to it."""
    return make_rows(*[dict.fromkeys(BAR_COLUMNS[:5], float(close)) for close in closes])


def make_path(moves):
    """Closes from 100 on by the relative move of each session."""
    return 100 * np.cumprod(1 + np.array(moves))


def look(rows, **options):
    """The closes that can be trusted, and day and kind of each row quarantined."""
    bars = check_bars(rows, closes=CLOSES, as_of=LATER, **options)
    return bars.frame["close"].tolist(), [(issue.session.day, issue.kind) for issue in bars.issues]


def days(*positions):
    return [SESSIONS[position].day for position in positions]
