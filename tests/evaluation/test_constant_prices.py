"""A price that stands still: no warning of a library, nothing but numbers that are finite or missing."""

import math
from datetime import date

import numpy as np
import pandas as pd

from stockrnn.evaluation.intervals import conformal_intervals
from stockrnn.evaluation.volatility_benchmarks import make_volatility_benchmarks
from stockrnn.market.calendars import load_calendar
from stockrnn.types import BAR_COLUMNS

SESSIONS = load_calendar("XNYS", through_year=2026).sessions(date(2022, 1, 3), date(2023, 12, 29))


def test_no_benchmark_of_volatility_is_made_of_a_price_that_never_moved():
    bars = pd.DataFrame(5.0, index=SESSIONS, columns=list(BAR_COLUMNS))
    assert make_volatility_benchmarks(bars, SESSIONS[-20:], target="open", fit_har=lambda _: None) == {}


def test_without_moves_intervals_are_unknown_or_the_price_itself():
    unknown = conformal_intervals(5.0, unit=0.0, scores=np.array([]))
    assert all(math.isnan(bound) for bound in unknown.values())
    known = conformal_intervals(5.0, unit=0.0, scores=np.ones(200))
    assert set(known.values()) == {5.0}
