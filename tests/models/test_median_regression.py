import numpy as np
import pytest

from stockrnn.models.median_regression import MedianRegression


def make_returns(count, *, seed=0):
    """Returns of which a twentieth is taken back the next day, with a drift of 0.03 and fat tails."""
    rng = np.random.default_rng(seed)
    last = rng.standard_t(4, count)
    return last, 0.03 - 0.05 * np.clip(last, -4, 4) + rng.standard_t(4, count)


def test_the_line_is_found_again():
    line = MedianRegression.fit(*make_returns(5_000))
    assert line.intercept == pytest.approx(0.03, abs=0.05)
    assert line.slope == pytest.approx(-0.05, abs=0.04)


def test_no_other_line_has_a_smaller_absolute_deviation():
    last, y = make_returns(500, seed=1)
    line = MedianRegression.fit(last, y)
    best = np.abs(y - line.predict(last)).sum()
    for intercept in (-0.02, 0.0, 0.02):
        for slope in (-0.02, 0.0, 0.02):
            other = MedianRegression(intercept=line.intercept + intercept, slope=line.slope + slope)
            assert np.abs(y - other.predict(last)).sum() >= best - 1e-9


def test_a_crash_counts_as_a_very_bad_day():
    line = MedianRegression(intercept=0.1, slope=-0.5)
    assert line.predict(np.array([-40.0, -4.0, 0.0, 40.0])).tolist() == [2.1, 2.1, 0.1, -1.9]


def test_a_line_comes_back_from_json():
    line = MedianRegression(intercept=0.1 + 0.2, slope=-1 / 3)
    assert MedianRegression.from_json(line.to_json()) == line
