import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.evaluation.intervals import (
    CALIBRATION_SESSIONS,
    LEVELS,
    VOLATILITY_SESSIONS,
    add_intervals,
    conformal_intervals,
    conformal_quantile,
    normalized_errors,
    rolling_volatility,
    volatility,
)
from stockrnn.types import INTERVAL_COLUMNS

INPUT_COLUMNS = ["actual", "predicted", "last_close", "volatility"]
LEVEL = st.sampled_from(LEVELS)
SCORES = st.lists(st.floats(0, 100), min_size=0, max_size=300).map(np.array)


def make_table(seed: int, n: int) -> pd.DataFrame:
    """Return past forecasts whose errors are exchangeable in units of the volatility, which itself changes."""
    rng = np.random.default_rng(seed)
    last_close = rng.uniform(50, 150, n)
    sizes = rng.uniform(0.005, 0.05, n)
    predicted = last_close * rng.uniform(0.99, 1.01, n)
    # heavy tails: nothing is assumed about the law
    actual = predicted + last_close * sizes * rng.standard_t(3, n)
    columns = dict(zip(INPUT_COLUMNS, (actual, predicted, last_close, sizes), strict=True))
    return pd.DataFrame(columns, index=pd.date_range("2020-01-01", periods=n, name="session"))


def make_walk(seed: int, n: int) -> np.ndarray:
    return 100 * np.exp(np.cumsum(0.02 * np.random.default_rng(seed).standard_normal(n)))


@given(SCORES, LEVEL)
def test_the_conformal_quantile_is_the_score_at_its_rank(scores, level):
    rank = math.ceil((len(scores) + 1) * level / 100)
    expected = sorted(scores)[rank - 1] if rank <= len(scores) else math.inf
    assert conformal_quantile(scores, level=level) == expected


@pytest.mark.parametrize(("level", "fewest"), [(80, 4), (95, 19)])
def test_too_few_scores_for_a_level_give_an_infinite_quantile(level, fewest):
    for n in range(fewest):
        assert conformal_quantile(np.arange(1.0, n + 1), level=level) == math.inf
    # just enough: the largest of them
    assert conformal_quantile(np.arange(1.0, fewest + 1), level=level) == fewest


@pytest.mark.parametrize(("level", "tolerance"), [(80, 0.02), (95, 0.012)])
def test_the_conformal_quantile_covers_a_new_score_as_often_as_its_level_says(level, tolerance):
    # (samples, scores): 99 past ones and the new one; 5000 samples have a standard error of 0.006 and 0.003
    scores = np.abs(np.random.default_rng(1).standard_t(3, (5000, 100)))
    covered = np.mean([new[-1] <= conformal_quantile(new[:-1], level=level) for new in scores])
    assert covered == pytest.approx(level / 100, abs=tolerance)


@pytest.mark.parametrize("level", LEVELS)
def test_a_small_calibration_sample_still_covers(level):
    scores = np.abs(np.random.default_rng(2).standard_t(3, (5000, 20)))
    covered = np.mean([new[-1] <= conformal_quantile(new[:-1], level=level) for new in scores])
    # 16 of 20 and 19 of 20 exactly
    assert covered == pytest.approx(level / 100, abs=0.02)


@pytest.mark.parametrize(("level", "tolerance"), [(80, 0.02), (95, 0.012)])
def test_the_intervals_of_a_table_cover_as_often_as_their_level_says(level, tolerance):
    table = add_intervals(make_table(3, 4000)).iloc[CALIBRATION_SESSIONS:]
    covered = table["actual"].between(table[f"lower_{level}"], table[f"upper_{level}"]).mean()
    assert covered == pytest.approx(level / 100, abs=tolerance)


def test_the_intervals_are_as_many_units_wide_on_both_sides():
    # of 1..19, ranks ceil(20 * 0.80) = 16 and ceil(20 * 0.95) = 19
    found = conformal_intervals(100.0, unit=0.5, scores=np.arange(19.0, 0.0, -1.0))
    assert found == {"lower_80": 92, "upper_80": 108, "lower_95": 90.5, "upper_95": 109.5}


def test_the_intervals_rest_on_the_newest_calibration_sessions():
    newest = np.full(CALIBRATION_SESSIONS, 2.0)
    old = np.full(5000, 50.0)
    found = conformal_intervals(100.0, unit=1.0, scores=np.concatenate([old, newest]))
    assert found == {"lower_80": 98, "upper_80": 102, "lower_95": 98, "upper_95": 102}


def test_an_interval_with_too_few_scores_is_nan_and_the_other_level_stands():
    found = conformal_intervals(100.0, unit=1.0, scores=np.ones(18))
    assert (found["lower_80"], found["upper_80"]) == (99, 101)
    assert math.isnan(found["lower_95"])
    assert math.isnan(found["upper_95"])


def test_the_intervals_have_the_columns_that_are_stored():
    assert sorted(conformal_intervals(1.0, unit=1.0, scores=np.ones(30))) == sorted(INTERVAL_COLUMNS)


@given(st.floats(0.01, 1000), st.floats(0, 1000), SCORES)
def test_no_lower_bound_is_below_zero_and_the_wider_level_holds_the_narrower(predicted, unit, scores):
    found = conformal_intervals(predicted, unit=unit, scores=scores)
    for level in LEVELS:
        lower, upper = found[f"lower_{level}"], found[f"upper_{level}"]
        assert math.isnan(lower) == math.isnan(upper)
        assert math.isnan(lower) or 0 <= lower <= predicted <= upper
    if not math.isnan(found["lower_95"]):
        assert found["lower_95"] <= found["lower_80"]
        assert found["upper_80"] <= found["upper_95"]


def test_a_bound_that_would_be_below_zero_is_zero():
    found = conformal_intervals(3.0, unit=1.0, scores=np.full(30, 5.0))
    assert found == {"lower_80": 0, "upper_80": 8, "lower_95": 0, "upper_95": 8}


def test_an_error_is_counted_in_units_of_last_close_times_volatility():
    table = pd.DataFrame([[103.0, 100.0, 50.0, 0.02], [99.0, 100.0, 200.0, 0.01]], columns=INPUT_COLUMNS)
    assert normalized_errors(table).tolist() == pytest.approx([3.0, 0.5])


def test_an_error_without_volatility_is_infinite():
    table = pd.DataFrame([[103.0, 100.0, 50.0, 0.0], [100.0, 100.0, 50.0, 0.0]], columns=INPUT_COLUMNS)
    assert normalized_errors(table).tolist() == [math.inf, math.inf]


@pytest.mark.parametrize("n", [1, 4, 5, 19, 20, 60, 300])
def test_the_intervals_of_a_table_are_those_of_the_rows_before(n):
    table = make_table(n, n)
    found = add_intervals(table)
    assert found.index.equals(table.index)
    pd.testing.assert_frame_equal(found[INPUT_COLUMNS], table)
    rows = list(table.itertuples(index=False))
    for at, row in enumerate(rows):
        past = [abs(one.predicted - one.actual) / (one.last_close * one.volatility) for one in rows[:at]]
        past = sorted(past[-250:])
        for level in LEVELS:
            rank = math.ceil((len(past) + 1) * level / 100)
            bounds = found[[f"lower_{level}", f"upper_{level}"]].iloc[at].tolist()
            if rank > len(past):
                assert all(math.isnan(bound) for bound in bounds)
                continue
            width = past[rank - 1] * row.last_close * row.volatility
            assert bounds == pytest.approx([max(row.predicted - width, 0), row.predicted + width], rel=1e-12)


@given(st.integers(0, 1000), st.integers(2, 40), st.data())
def test_no_interval_sees_its_own_actual_price_or_a_later_row(seed, n, data):
    table = make_table(seed, n)
    at = data.draw(st.integers(0, n - 1))
    changed = table.copy()
    factor = data.draw(st.floats(1.5, 100))
    changed.iloc[at, changed.columns.get_loc("actual")] *= factor
    changed.iloc[at + 1 :] *= factor
    columns = list(INTERVAL_COLUMNS)
    before, after = (add_intervals(one)[columns].iloc[: at + 1] for one in (table, changed))
    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_an_interval_sees_the_row_before_it():
    table = make_table(5, 5)
    changed = table.copy()
    changed.iloc[3, changed.columns.get_loc("actual")] *= 3
    # the fifth row is the first with four scores, and its 80 % interval is as wide as the largest
    before, after = (add_intervals(one)["upper_80"].iloc[-1] for one in (table, changed))
    assert after > before


@pytest.mark.parametrize("n", [2, 3, 39, 40])
def test_the_volatility_is_the_root_of_the_decayed_mean_of_squared_log_changes(n):
    walk = make_walk(n, n).tolist()
    changes = [math.log(new / old) for old, new in pairwise(walk)]
    weights = [0.94 ** (len(changes) - 1 - at) for at in range(len(changes))]
    expected = math.sqrt(np.average(np.square(changes), weights=weights))
    assert volatility(np.array(walk)) == pytest.approx(expected, rel=1e-12)


def test_the_volatility_rests_on_the_newest_values_alone():
    walk = make_walk(7, 100)
    assert volatility(walk) == volatility(walk[-40:])
    assert volatility(walk) != volatility(walk[-39:])
    # the RiskMetrics average as pandas computes it
    changes = pd.Series(np.log(walk[-40:])).diff().dropna()
    expected = math.sqrt((changes**2).ewm(alpha=0.06, adjust=True).mean().iloc[-1])
    assert volatility(walk) == pytest.approx(expected, rel=1e-12)


def test_the_newest_change_weighs_most():
    calm, jump = [100.0] * 9, 110.0
    assert volatility(np.array([*calm, jump])) > volatility(np.array([jump, *calm]))


def test_the_volatility_of_a_constant_rate_is_that_rate():
    assert volatility(100 * np.exp(0.01 * np.arange(60))) == pytest.approx(0.01, rel=1e-9)
    assert volatility(np.full(10, 5.0)) == 0


@pytest.mark.parametrize("values", [[], [100.0]])
def test_fewer_than_two_values_have_no_volatility(values):
    assert math.isnan(volatility(np.array(values)))


def test_the_rolling_volatility_of_a_session_is_the_one_of_the_values_before_it():
    n = 2 * VOLATILITY_SESSIONS
    walk = make_walk(8, n)
    index = pd.date_range("2020-01-01", periods=n, name="session")
    found = rolling_volatility(pd.Series(walk, index=index))
    assert found.name == "volatility"
    assert found.index.equals(index)
    assert found.isna().tolist() == [True, True] + [False] * (n - 2)
    assert found.iloc[2:].tolist() == [volatility(walk[:at]) for at in range(2, n)]


@given(st.integers(0, 100), st.integers(0, 59), st.floats(1.5, 10))
def test_no_rolling_volatility_sees_its_own_session_or_a_later_one(seed, at, factor):
    walk = pd.Series(make_walk(seed, 60))
    changed = walk.copy()
    changed.iloc[at:] *= factor
    np.testing.assert_array_equal(rolling_volatility(changed).iloc[: at + 1], rolling_volatility(walk).iloc[: at + 1])
