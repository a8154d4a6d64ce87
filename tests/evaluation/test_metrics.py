import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference
from sklearn.metrics import mean_pinball_loss

from stockrnn.evaluation.metrics import (
    bias,
    compute_metrics,
    coverage,
    directional_accuracy,
    interval_score,
    mae,
    mape,
    pinball,
    rmse,
)

NAMES = {"rmse", "mae", "mape", "bias", "directional_accuracy", "relative_mae", "skill"}
PRICES = st.floats(1, 1000)
PAIRS = st.lists(st.tuples(PRICES, PRICES, PRICES), min_size=1, max_size=30).map(lambda rows: np.array(rows).T)

# By hand: errors are 2, -4, 0, 6
ACTUAL = np.array([10.0, 20.0, 40.0, 50.0])
PREDICTED = np.array([12.0, 16.0, 40.0, 56.0])
NAIVE = np.array([9.0, 10.0, 20.0, 40.0])  # errors -1, -10, -20, -10


@given(PAIRS)
def test_rmse_mae_and_mape_are_those_of_sklearn(rows):
    actual, predicted, _ = rows
    assert rmse(actual, predicted) == pytest.approx(reference.root_mean_squared_error(actual, predicted), rel=1e-9)
    assert mae(actual, predicted) == pytest.approx(reference.mean_absolute_error(actual, predicted), rel=1e-9)
    percent = 100 * reference.mean_absolute_percentage_error(actual, predicted)
    assert mape(actual, predicted) == pytest.approx(percent, rel=1e-9)


@given(PAIRS)
def test_bias_is_the_difference_of_the_means(rows):
    actual, predicted, _ = rows
    assert bias(actual, predicted) == pytest.approx(predicted.mean() - actual.mean(), abs=1e-9)


@given(PAIRS)
def test_directional_accuracy_counts_equal_signs_where_both_moved(rows):
    actual, predicted, last = rows
    product = (actual - last) * (predicted - last)
    expected = (product > 0).sum() / (product != 0).sum() if product.any() else math.nan
    assert directional_accuracy(actual, predicted, last) == pytest.approx(expected, nan_ok=True)


def test_the_errors_by_hand():
    assert rmse(ACTUAL, PREDICTED) == pytest.approx(math.sqrt((4 + 16 + 0 + 36) / 4))
    assert mae(ACTUAL, PREDICTED) == pytest.approx(3)
    assert mape(ACTUAL, PREDICTED) == pytest.approx((20 + 20 + 0 + 12) / 4)
    assert bias(ACTUAL, PREDICTED) == pytest.approx(1)


def test_a_forecast_that_is_too_high_has_a_positive_bias_and_one_too_low_a_negative():
    assert bias(np.array([100.0, 100.0]), np.array([103.0, 101.0])) == 2
    assert bias(np.array([100.0, 100.0]), np.array([97.0, 99.0])) == -2


def test_mape_is_in_percent_of_the_actual_value_and_not_of_the_forecast():
    assert mape(np.array([50.0]), np.array([100.0])) == pytest.approx(100)
    assert mape(np.array([100.0]), np.array([50.0])) == pytest.approx(50)


def test_perfect_forecasts_have_no_error():
    assert rmse(ACTUAL, ACTUAL) == mae(ACTUAL, ACTUAL) == mape(ACTUAL, ACTUAL) == bias(ACTUAL, ACTUAL) == 0


def test_directional_accuracy_leaves_out_sessions_that_did_not_move_and_forecasts_without_a_direction():
    reference_price = np.full(5, 10.0)
    actual = np.array([11.0, 9.0, 10.0, 12.0, 13.0])  # up, down, none, up, up
    predicted = np.array([12.0, 11.0, 11.0, 10.0, 10.5])  # right, wrong, left out, left out, right
    assert directional_accuracy(actual, predicted, reference_price) == pytest.approx(2 / 3)


def test_directional_accuracy_is_one_for_always_right_and_zero_for_always_wrong():
    last, actual = np.array([10.0, 10.0]), np.array([11.0, 9.0])
    assert directional_accuracy(actual, np.array([99.0, 1.0]), last) == 1
    assert directional_accuracy(actual, np.array([9.9, 10.1]), last) == 0


def test_directional_accuracy_is_nan_when_no_session_is_left():
    assert math.isnan(directional_accuracy(ACTUAL, NAIVE, NAIVE))
    assert math.isnan(directional_accuracy(NAIVE, PREDICTED, NAIVE))


def test_every_model_is_scored_by_every_metric_by_hand():
    last = np.array([11.0, 20.0, 39.0, 60.0])  # moves -1, 0, 1, -10; the spec names 1, -4, 1, -4; naive down
    scores = compute_metrics(ACTUAL, {"tutorial": PREDICTED, "naive": NAIVE}, reference=last)
    assert set(scores) == {"tutorial", "naive"}
    assert all(set(values) == NAMES for values in scores.values())
    assert scores["tutorial"] == pytest.approx(
        {
            "rmse": math.sqrt(14),
            "mae": 3,
            "mape": 13,
            "bias": 1,
            "directional_accuracy": 2 / 3,
            "relative_mae": 3 / 10.25,
            "skill": 1 - 3 / 10.25,
        }
    )
    assert scores["naive"]["bias"] == pytest.approx(-10.25)
    assert scores["naive"]["directional_accuracy"] == pytest.approx(2 / 3)


@given(PAIRS)
def test_naive_has_a_relative_mae_of_one_and_no_skill_and_the_reference_no_direction(rows):
    actual, predicted, naive = rows
    scores = compute_metrics(actual, {"naive": naive, "tutorial": predicted}, reference=naive)["naive"]
    if (actual != naive).any():
        assert (scores["relative_mae"], scores["skill"]) == (1, 0)
    assert math.isnan(scores["directional_accuracy"])


@given(PAIRS)
def test_skill_is_positive_exactly_where_the_error_is_below_naives(rows):
    actual, predicted, naive = rows
    scores = compute_metrics(actual, {"tutorial": predicted, "naive": naive}, reference=naive)
    if scores["naive"]["mae"] > 0:
        better = scores["tutorial"]["mae"] < scores["naive"]["mae"]
        assert (scores["tutorial"]["relative_mae"] < 1) == better
        assert (scores["tutorial"]["skill"] > 0) == better


def test_there_is_no_skill_to_speak_of_where_naive_made_no_error():
    scores = compute_metrics(ACTUAL, {"tutorial": PREDICTED, "naive": ACTUAL}, reference=NAIVE)
    for values in scores.values():
        assert math.isnan(values["relative_mae"])
        assert math.isnan(values["skill"])
    assert scores["tutorial"]["mae"] == 3


@pytest.mark.parametrize("seed", range(5))
def test_interval_metrics_agree_with_independent_computations(seed):
    rng = np.random.default_rng(seed)
    actual, lower = rng.normal(100, 5, 60), rng.normal(97, 3, 60)
    upper = lower + rng.exponential(6, 60)
    pairs = list(zip(actual.tolist(), lower.tolist(), upper.tolist(), strict=True))
    assert coverage(actual, lower, upper) == pytest.approx(sum(low <= y <= up for y, low, up in pairs) / 60, abs=1e-9)
    levels = {0.1: lower, 0.9: upper}
    expected = np.mean([mean_pinball_loss(actual, q, alpha=level) for level, q in levels.items()])
    assert pinball(actual, levels) == pytest.approx(expected, abs=1e-9)
    # for the central 80 % interval the interval score is the sum of both pinball losses times 2 / 0.2
    score = 2 / 0.2 * sum(mean_pinball_loss(actual, q, alpha=level) for level, q in levels.items())
    assert interval_score(actual, lower, upper, level=0.8) == pytest.approx(score, abs=1e-9)


def test_an_actual_value_at_the_end_of_an_interval_lies_inside():
    ends = np.array([1.0, 3.0])
    assert coverage(ends, np.array([1.0, 1.0]), np.array([3.0, 3.0])) == 1
    assert np.isnan(coverage(ends[:0], ends[:0], ends[:0]))
