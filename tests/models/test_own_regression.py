"""A ticker's own regression: it finds what can be foretold, and nothing in a random walk."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from stockrnn.market.calendars import load_calendar
from stockrnn.models.features import measure
from stockrnn.models.median_regression import MedianRegression
from stockrnn.models.own_regression import OWN_SESSIONS, own_medians, stands_out
from stockrnn.sources.simulated import FIRST_SESSION, simulate_bars

SESSIONS = load_calendar("XNYS", through_year=2026).sessions(FIRST_SESSION, pd.Timestamp("2016-12-30").date())
NOTHING = MedianRegression(intercept=0.0, slope=0.0)
LINE = MedianRegression(intercept=0.02, slope=-0.05)


def measured_of(ticker, *, target="open", count=None):
    return measure(simulate_bars(ticker, SESSIONS).iloc[:count], target=target)


def test_what_can_be_foretold_stands_out():
    tickers = ("SIM-SIGNAL", "SIM-WALK", "SIM-FAT")
    assert [stands_out(measured_of(ticker)) for ticker in tickers] == [True, False, False]
    assert stands_out(measured_of("SIM-SIGNAL", target="close"))
    assert not stands_out(measured_of("SIM-SIGNAL", count=400))  # too few to tell
    assert not stands_out(measured_of("SIM-SIGNAL", count=0))


@pytest.mark.parametrize("ticker", [f"SIM-{number:03d}" for number in range(8)])
def test_in_random_walks_nothing_is_found(ticker):
    rows = np.arange(600, len(SESSIONS), 7)
    assert (own_medians(measured_of(ticker), NOTHING, rows) == 0).all()


def test_it_is_the_least_squares_line_of_the_newest_sessions_a_little_shrunk():
    measured, row = measured_of("SIM-SIGNAL"), 1600
    known = measured.iloc[row - OWN_SESSIONS : row]
    terms = np.column_stack([np.clip(known["last_return"], -4, 4), known["distance"]])
    rest = np.clip(known["answer"] - LINE.predict(known["last_return"].to_numpy()), -6, 6)
    fitted = LinearRegression().fit(terms, rest)
    noise = ((rest - fitted.predict(terms)) ** 2).sum() / (len(rest) - 3)
    share = 1 - 30 * noise / ((rest**2).sum() - noise * (len(rest) - 3))
    assert 0.9 < share < 1
    now = measured.iloc[row]
    expected = share * fitted.predict([[np.clip(now["last_return"], -4, 4), now["distance"]]])[0]
    assert own_medians(measured, LINE, np.array([row])) == pytest.approx([expected], rel=1e-5)


def test_no_later_move_is_known():
    rows = np.arange(700, 1200)
    whole, cut = measured_of("SIM-SIGNAL"), measured_of("SIM-SIGNAL", count=1200)
    assert own_medians(whole, LINE, rows) == pytest.approx(own_medians(cut, LINE, rows), rel=1e-9)


def test_prices_that_never_move_add_nothing():
    bars = simulate_bars("SIM-FAT", SESSIONS)
    bars[["open", "high", "low", "close", "adj_close"]] = 10.0
    assert (own_medians(measure(bars, target="close"), NOTHING, np.array([300, 1500])) == 0).all()
