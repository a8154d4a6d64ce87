import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.evaluation.baselines import drift, last_close, make_baselines, moving_average, naive

SERIES = st.lists(st.floats(1, 1000), min_size=1, max_size=20).map(
    lambda values: pd.Series(values, index=pd.date_range("2020-01-01", periods=len(values), name="session"))
)
LONG_SERIES = st.lists(st.floats(1, 1000), min_size=45, max_size=60).map(pd.Series)


def test_naive_is_the_value_of_the_session_before():
    sessions = pd.DatetimeIndex(["2018-12-03", "2018-12-04", "2018-12-06"], name="session")
    forecast = naive(pd.Series([10.0, 11.0, 12.0], index=sessions, name="open"))
    assert forecast.name == "naive"
    pd.testing.assert_index_equal(forecast.index, sessions)
    assert math.isnan(forecast.iloc[0])
    # the session before the 6th is the 4th: the exchange was closed on the 5th
    assert forecast.iloc[1:].tolist() == [10, 11]


def test_last_close_is_the_close_of_the_session_before():
    forecast = last_close(pd.Series([10.0, 11.0, 12.0], index=pd.date_range("2020-01-01", periods=3)))
    assert forecast.name == "last_close"
    assert math.isnan(forecast.iloc[0])
    assert forecast.iloc[1:].tolist() == [10, 11]


def test_drift_carries_the_mean_change_on_by_one_session():
    forecast = drift(pd.Series([10.0, 11.0, 15.0, 13.0], index=pd.date_range("2020-01-01", periods=4)))
    assert forecast.name == "drift"
    assert math.isnan(forecast.iloc[0])
    # one session before it has no change: naive; then 11 + 1, and 15 + (1 + 4) / 2
    assert forecast.iloc[1:].tolist() == [10, 12, 17.5]


@given(LONG_SERIES)
def test_drift_is_the_line_through_the_first_and_the_last_of_forty_sessions(values):
    prices, forecast = values.tolist(), drift(values)
    for position in range(2, len(prices)):
        past = prices[max(position - 40, 0) : position]
        expected = past[-1] + (past[-1] - past[0]) / (len(past) - 1)
        assert forecast.iloc[position] == pytest.approx(expected, abs=1e-6)


def test_drift_forecasts_a_straight_line_without_error():
    line = pd.Series(np.arange(100.0, 200.0, 0.5))
    np.testing.assert_allclose(drift(line).iloc[2:], line.iloc[2:], rtol=0, atol=1e-9)


def test_moving_average_is_the_mean_of_the_five_sessions_before_or_of_fewer():
    values = [10.0, 20.0, 60.0, 30.0, 80.0, 100.0, 7.0]
    forecast = moving_average(pd.Series(values, index=pd.date_range("2020-01-01", periods=7)))
    assert forecast.name == "moving_average"
    assert math.isnan(forecast.iloc[0])
    # 200 / 5, then 290 / 5: the 10 is out
    assert forecast.iloc[1:].tolist() == pytest.approx([10, 15, 30, 30, 40, 58])


@given(LONG_SERIES)
def test_moving_average_is_the_mean_of_a_slice(values):
    prices, forecast = values.tolist(), moving_average(values)
    for position in range(1, len(prices)):
        past = prices[max(position - 5, 0) : position]
        assert forecast.iloc[position] == pytest.approx(sum(past) / len(past), abs=1e-6)


def test_all_baselines_stand_side_by_side_in_one_table():
    sessions = pd.DatetimeIndex(["2018-12-03", "2018-12-04", "2018-12-06"], name="session")
    opens = pd.Series([10.0, 12.0, 99.0], index=sessions, name="open")
    closes = pd.Series([11.0, 13.0, 98.0], index=sessions, name="close")
    table = make_baselines(opens, closes)
    pd.testing.assert_index_equal(table.index, sessions)
    assert table.columns.tolist() == ["naive", "last_close", "drift", "moving_average"]
    assert table.iloc[0].isna().all()
    # only the last close is of the close
    assert table.iloc[1].tolist() == [10, 11, 10, 10]
    assert table.iloc[2].tolist() == [12, 13, 14, 11]


@given(SERIES, st.floats(1, 1000))
def test_no_baseline_sees_the_session_that_it_forecasts_or_a_later_one(values, other):
    for position in range(len(values)):
        changed = values.copy()
        changed.iloc[position:] = other
        for baseline in (naive, last_close, drift, moving_average):
            np.testing.assert_array_equal(
                baseline(changed).iloc[: position + 1].to_numpy(), baseline(values).iloc[: position + 1].to_numpy()
            )
