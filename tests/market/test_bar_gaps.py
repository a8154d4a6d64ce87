"""Sessions that were expected and have no bar."""

from datetime import date

import pandas as pd
import pytest
from daily_bars import SESSIONS

from stockrnn.market.bars import find_gaps


def test_gaps_are_the_expected_sessions_that_are_not_known():
    gaps = find_gaps(SESSIONS[:4], SESSIONS[[0, 2, 9]])
    assert [(gap.session, gap.kind) for gap in gaps] == [
        (date(2020, 1, 3), "missing_session"),
        (date(2020, 1, 7), "missing_session"),
    ]
    assert gaps[0].detail == "the exchange was open and the source has no bar of the session"
    assert gaps[0].raw == {"session": "2020-01-03"}


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_sessions_are_known_whatever_their_unit_and_order(unit):
    assert find_gaps(SESSIONS, SESSIONS[::-1].as_unit(unit)) == ()


@pytest.mark.parametrize(
    ("expected", "known", "gaps"), [(SESSIONS[:0], SESSIONS, 0), (SESSIONS, SESSIONS[:0], 21), ([], [], 0)]
)
def test_nothing_expected_has_no_gap_and_nothing_known_is_all_gaps(expected, known, gaps):
    found = find_gaps(pd.DatetimeIndex(expected), pd.DatetimeIndex(known))
    assert [gap.session for gap in found] == [session.date() for session in SESSIONS[:gaps]]
