import math

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.baselines import last_close, naive

SERIES = st.lists(st.floats(1, 1000), min_size=1, max_size=20).map(
    lambda values: pd.Series(values, index=pd.date_range("2020-01-01", periods=len(values), name="session"))
)


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


@given(SERIES, st.floats(1, 1000))
def test_no_baseline_sees_the_session_that_it_forecasts_or_a_later_one(values, other):
    for position in range(len(values)):
        changed = values.copy()
        changed.iloc[position:] = other
        for baseline in (naive, last_close):
            np.testing.assert_array_equal(
                baseline(changed).iloc[: position + 1].to_numpy(), baseline(values).iloc[: position + 1].to_numpy()
            )
