import hashlib
import json
import struct
from datetime import date

import numpy as np
import pandas as pd
import pytest
from holdouts import run_holdout
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler

from stockrnn.evaluation.holdouts import split_holdout
from stockrnn.models.windows import PriceScaler, last_window, make_windows
from stockrnn.types import Span
from stockrnn.types.hashing import hash_values

PRICES = st.floats(0.01, 1e6, allow_nan=False)
SERIES = st.lists(PRICES, min_size=2, max_size=60).map(np.array)
CUT = 30  # of `SESSIONS`: training before, holdout from here on
SESSIONS = pd.date_range("2020-01-01", periods=40, name="session")
HOLDOUT = Span(SESSIONS[CUT].date(), date(2020, 12, 31))


@st.composite
def distinct_series(draw, *, more_than=0):
    """Values that are all different, so that each proves where it came from; and a lookback that fits."""
    lookback = draw(st.integers(1, 12))
    length = draw(st.integers(lookback + 1 + more_than, 60))
    return np.array(draw(st.permutations(range(length))), dtype=np.float64), lookback


def test_the_tutorials_series_gives_the_tutorials_shapes():
    windows = make_windows(np.arange(1258.0), lookback=40)
    assert windows.x.shape == (1218, 40, 1)
    assert windows.y.shape == (1218,)
    assert (windows.x.dtype, windows.y.dtype) == (np.float64, np.float64)


def test_windows_by_hand():
    windows = make_windows(np.array([5.0, 3.0, 8.0, 1.0, 9.0]), lookback=3)
    assert windows.x[:, :, 0].tolist() == [[5, 3, 8], [3, 8, 1]]
    assert windows.y.tolist() == [1, 9]


@given(distinct_series())
def test_no_window_sees_its_target(series):
    values, lookback = series
    windows = make_windows(values, lookback=lookback)
    assert len(windows.x) == len(windows.y) == len(values) - lookback
    for i, (window, target) in enumerate(zip(windows.x, windows.y, strict=True)):
        assert window[:, 0].tolist() == values[i : i + lookback].tolist()
        assert target == values[i + lookback]
        assert target not in window
        assert not set(window[:, 0]) & set(values[i + lookback :])


@given(distinct_series(more_than=1))
def test_changing_a_window_changes_no_other_and_not_the_source(series):
    values, lookback = series
    source = values.copy()
    windows = make_windows(source, lookback=lookback)
    others, targets = windows.x[1:].copy(), windows.y.copy()
    windows.x[0] = -1
    np.testing.assert_array_equal(windows.x[1:], others)
    np.testing.assert_array_equal(windows.y, targets)
    windows.y[:] = -2
    np.testing.assert_array_equal(source, values)
    source[:] = -3
    np.testing.assert_array_equal(windows.x[1:], others)


@given(distinct_series())
def test_the_last_window_ends_with_the_newest_value_and_is_a_copy(series):
    values, lookback = series
    window = last_window(values, lookback=lookback)
    assert window.shape == (1, lookback, 1)
    assert window[0, :, 0].tolist() == values.tolist()[len(values) - lookback :]
    window[:] = -1
    assert values.min() >= 0


@given(
    st.lists(PRICES, min_size=40, max_size=40),
    st.lists(PRICES, min_size=10, max_size=10),
    st.integers(2, 12),
)
def test_the_scaler_never_sees_the_holdout(values, other_holdout, lookback):
    before = pd.Series(values, index=SESSIONS)
    after = before.copy()
    after.iloc[CUT:] = other_holdout
    made = []
    for series in (before, after):
        training = split_holdout(series, HOLDOUT, ticker="META", lookback=lookback).training.to_numpy()
        scaler = PriceScaler.fit(training)
        made.append((scaler, make_windows(scaler.transform(training), lookback=lookback)))
    (scaler, windows), (other_scaler, other_windows) = made
    assert scaler == other_scaler
    assert (scaler.data_min, scaler.data_max) == (min(values[:CUT]), max(values[:CUT]))
    np.testing.assert_array_equal(windows.x, other_windows.x)
    np.testing.assert_array_equal(windows.y, other_windows.y)


@given(st.permutations(range(1, 41)), st.integers(2, 12))
def test_fit_receives_the_training_values_and_each_window_ends_before_its_session(numbers, lookback):
    values = pd.Series([float(n) for n in numbers], index=SESSIONS)
    split = split_holdout(values, HOLDOUT, ticker="META", lookback=lookback)
    fitted, asked = [], []

    def fit(training):
        fitted.append(training.tolist())
        return lambda windows: asked.append(windows) or windows[:, -1, 0]

    table = run_holdout(split, values + 0.5, lookback=lookback, fit=fit)
    assert fitted == [values.tolist()[:CUT]]
    assert len(asked) == 1
    assert asked[0].shape == (len(SESSIONS) - CUT, lookback, 1)
    for position, window, row in zip(range(CUT, 40), asked[0], table.itertuples(), strict=True):
        assert window[:, 0].tolist() == values.tolist()[position - lookback : position]
        assert row.Index == SESSIONS[position]
        assert row.actual == values.iloc[position]
        assert row.predicted == row.naive == values.iloc[position - 1]
        assert row.last_close == values.iloc[position - 1] + 0.5


@given(SERIES, SERIES)
def test_scaling_back_gives_the_prices_also_outside_the_fitted_range(fitted, values):
    assume(np.ptp(fitted) > 1e-3 * fitted.max())
    scaler = PriceScaler.fit(fitted)
    back = scaler.inverse(scaler.transform(values))
    # relative to the larger of the two magnitudes: a float keeps no more of a small price beside a large range
    np.testing.assert_allclose(back, values, rtol=1e-9, atol=1e-9 * fitted.max())
    np.testing.assert_allclose(scaler.inverse(scaler.transform(fitted)), fitted, rtol=1e-9)


@given(SERIES, SERIES)
def test_scaling_is_sklearns_min_max_scaling(fitted, values):
    reference = MinMaxScaler().fit(fitted.reshape(-1, 1))
    scaler = PriceScaler.fit(fitted)
    expected = reference.transform(values.reshape(-1, 1))[:, 0]
    np.testing.assert_allclose(scaler.transform(values), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        scaler.inverse(expected), reference.inverse_transform(expected.reshape(-1, 1))[:, 0], rtol=1e-9, atol=1e-9
    )


def test_scaling_by_hand():
    scaler = PriceScaler.fit(np.array([20.0, 10.0, 15.0]))
    assert scaler.transform(np.array([10.0, 20.0, 12.5, 5.0, 30.0])).tolist() == [0, 1, 0.25, -0.5, 2]
    assert scaler.inverse(np.array([0.0, 1.0, 0.25, -0.5, 2.0])).tolist() == [10, 20, 12.5, 5, 30]


def test_scaling_keeps_the_shape_and_returns_float64():
    scaler = PriceScaler.fit(np.array([10.0, 20.0]))
    windows = np.arange(24.0).reshape(4, 6, 1)
    assert scaler.transform(windows).shape == (4, 6, 1)
    assert scaler.transform(windows)[2, 3, 0] == pytest.approx((15 - 10) / 10)
    assert scaler.inverse(np.float32([0.5, 1.0])).dtype == np.float64


@given(PRICES)
def test_a_constant_series_scales_to_zero_and_back_to_its_constant(price):
    scaler = PriceScaler.fit(np.full(5, price))
    assert scaler.transform(np.array([price, price])).tolist() == [0, 0]
    assert scaler.inverse(np.zeros(2)).tolist() == [price, price]


@given(SERIES, SERIES)
def test_a_scaler_that_went_through_json_transforms_bit_for_bit_the_same(fitted, values):
    scaler = PriceScaler.fit(fitted)
    restored = PriceScaler.from_json(json.loads(json.dumps(scaler.to_json())))
    assert restored.transform(values).tobytes() == scaler.transform(values).tobytes()
    assert restored.inverse(values).tobytes() == scaler.inverse(values).tobytes()


def test_the_hash_is_the_sha256_of_little_endian_doubles():
    expected = hashlib.sha256(struct.pack("<3d", 1.5, -2.0, 3e300)).hexdigest()
    assert hash_values(np.array([1.5, -2.0, 3e300])) == expected


@given(distinct_series())
def test_the_hash_depends_on_every_value_and_not_on_the_layout(series):
    values, _ = series
    assert hash_values(np.repeat(values, 2)[::2]) == hash_values(values)
    assert hash_values(values.astype(">f8")) == hash_values(values)
    for i in range(len(values)):
        changed = values.copy()
        changed[i] = np.nextafter(changed[i], np.inf)
        assert hash_values(changed) != hash_values(values)
