import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stockrnn.evaluation.significance import diebold_mariano, pooled_diebold_mariano, wilson_interval


def make_losses(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two correlated losses that differ by a random mean, so that p-values of every size occur."""
    rng = np.random.default_rng(seed)
    shared = np.abs(rng.standard_normal(n))
    return shared + np.abs(rng.standard_normal(n)) + rng.uniform(-0.5, 0.5), shared + np.abs(rng.standard_normal(n))


def paired_p(loss: np.ndarray, reference: np.ndarray) -> float:
    return float(stats.ttest_1samp(loss - reference, 0).pvalue)


@pytest.mark.parametrize("n", [5, 6, 21, 60, 125, 250])
@pytest.mark.parametrize("seed", range(5))
def test_one_step_diebold_mariano_is_the_paired_t_test(seed, n):
    loss, reference = make_losses(seed, n)
    found = diebold_mariano(loss, reference)
    assert found.n == n
    assert found.difference == pytest.approx(float(np.mean(loss) - np.mean(reference)), abs=1e-12)
    assert found.p_value == pytest.approx(paired_p(loss, reference), abs=1e-9)


@pytest.mark.parametrize("n", [5, 21, 60, 250])
@pytest.mark.parametrize("seed", range(5))
def test_diebold_mariano_is_the_published_statistic_with_the_small_sample_correction(seed, n):
    loss, reference = make_losses(seed, n)
    d = [one - other for one, other in zip(loss.tolist(), reference.tolist(), strict=True)]
    horizon = 1
    mean = sum(d) / n
    autocovariance = sum((one - mean) ** 2 for one in d) / n  # only lag 0 counts one step ahead
    statistic = mean / math.sqrt(autocovariance / n)
    corrected = statistic * math.sqrt((n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n)
    p_value = 2 * float(stats.t.sf(abs(corrected), df=n - 1))
    assert diebold_mariano(loss, reference).p_value == pytest.approx(p_value, abs=1e-9)


def test_diebold_mariano_gives_the_p_value_of_a_hand_calculation():
    # differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t = 3.4641 with 2 degrees of freedom,
    # of which the distribution is 1/2 + t / (2 * sqrt(2 + t^2))
    t = 2 * math.sqrt(3)
    found = diebold_mariano(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]))
    assert found.difference == 2
    assert found.p_value == pytest.approx(1 - t / math.sqrt(2 + t**2), abs=1e-12)


def test_the_difference_is_negative_for_the_better_forecast_and_the_p_value_two_sided():
    loss, reference = make_losses(3, 30)
    better, worse = diebold_mariano(loss - 1, reference), diebold_mariano(reference, loss - 1)
    assert better.difference < 0 < worse.difference
    assert better.difference == pytest.approx(-worse.difference, abs=1e-12)
    assert better.p_value == pytest.approx(worse.p_value, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_the_pooled_test_is_the_cluster_robust_formula(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 200))
    loss, reference = make_losses(seed, n)
    # in no order, of unequal size
    dates = np.datetime64("2024-01-02") + rng.integers(0, 15, n)
    differences = (loss - reference).tolist()
    mean = sum(differences) / n
    sums: dict[object, float] = defaultdict(float)
    for date, difference in zip(dates.tolist(), differences, strict=True):
        sums[date] += difference - mean
    groups = len(sums)
    variance = groups / (groups - 1) * sum(one**2 for one in sums.values()) / n**2
    p_value = 2 * float(stats.t.sf(abs(mean) / math.sqrt(variance), df=groups - 1))
    found = pooled_diebold_mariano(loss, reference, clusters=dates)
    assert found.n == n
    assert found.difference == pytest.approx(mean, abs=1e-12)
    assert found.p_value == pytest.approx(p_value, abs=1e-9)


@pytest.mark.parametrize("n", [5, 21, 250])
def test_the_pooled_test_with_one_pair_a_date_is_diebold_mariano(n):
    loss, reference = make_losses(n, n)
    dates = np.datetime64("2024-01-02") + np.random.default_rng(0).permutation(n)
    pooled, single = pooled_diebold_mariano(loss, reference, clusters=dates), diebold_mariano(loss, reference)
    assert (pooled.n, pooled.difference) == (single.n, single.difference)
    assert pooled.p_value == pytest.approx(single.p_value, abs=1e-12)


def test_repeating_every_pair_on_its_own_date_proves_nothing_more():
    loss, reference = make_losses(1, 40)
    once = diebold_mariano(loss, reference)
    tripled = pooled_diebold_mariano(np.tile(loss, 3), np.tile(reference, 3), clusters=np.tile(np.arange(40), 3))
    assert tripled.n == 120
    assert tripled.p_value == pytest.approx(once.p_value, abs=1e-12)
    # the same pairs taken as independent would look like more evidence
    assert diebold_mariano(np.tile(loss, 3), np.tile(reference, 3)).p_value < once.p_value / 2


def test_identical_losses_differ_with_p_one():
    loss = make_losses(0, 30)[0]
    found = diebold_mariano(loss, loss)
    assert (found.n, found.difference, found.p_value) == (30, 0, 1)


@pytest.mark.parametrize("shift", [0.5, -0.5])
def test_a_constant_difference_is_certain(shift):
    reference = np.arange(1.0, 13.0)
    found = diebold_mariano(reference + shift, reference)
    assert (found.n, found.difference, found.p_value) == (12, shift, 0)


def test_a_constant_difference_that_binary_numbers_only_approximate_is_certain_too():
    found = diebold_mariano(np.full(30, 0.3), np.full(30, 0.2))
    assert found.difference == pytest.approx(0.1, abs=1e-12)
    assert found.p_value < 1e-12


def test_no_pair_gives_nan():
    found = diebold_mariano(np.array([]), np.array([]))
    assert found.n == 0
    assert math.isnan(found.difference)
    assert math.isnan(found.p_value)


def test_one_pair_has_a_difference_but_no_p_value():
    found = diebold_mariano(np.array([3.0]), np.array([1.0]))
    assert (found.n, found.difference) == (1, 2)
    assert math.isnan(found.p_value)


def test_two_pairs_are_the_fewest_with_a_p_value():
    # differences 1 and 3: mean 2, standard error 1, t = 2 with 1 degree of freedom, the Cauchy distribution
    found = diebold_mariano(np.array([2.0, 5.0]), np.array([1.0, 2.0]))
    assert found.p_value == pytest.approx(1 - 2 / math.pi * math.atan(2), abs=1e-12)


def test_many_pairs_of_one_date_have_no_p_value():
    loss, reference = make_losses(0, 30)
    found = pooled_diebold_mariano(loss, reference, clusters=np.full(30, np.datetime64("2024-01-02")))
    assert found.n == 30
    assert math.isnan(found.p_value)


@pytest.mark.parametrize("n", [21, 60, 250])
def test_equally_good_forecasts_differ_significantly_in_about_one_of_twenty_samples(n):
    rng = np.random.default_rng(20240102)
    losses = np.abs(rng.standard_normal((2000, 2, n)))  # (simulations, forecasts, sessions)
    rate = np.mean([diebold_mariano(loss, reference).p_value < 0.05 for loss, reference in losses])
    assert 0.035 < rate < 0.065


def test_equally_good_forecasts_of_tickers_that_move_together_differ_in_about_one_of_twenty_samples():
    rng = np.random.default_rng(20240103)
    days, tickers = 60, 5
    dates = np.repeat(np.arange(days), tickers)
    p_values = []
    for _ in range(1000):
        common = rng.standard_normal((2, days, 1))
        losses = np.abs(common + 0.5 * rng.standard_normal((2, days, tickers))).reshape(2, -1)
        p_values.append((pooled_diebold_mariano(*losses, clusters=dates).p_value, diebold_mariano(*losses).p_value))
    pooled, as_if_independent = np.mean(np.array(p_values) < 0.05, axis=0)
    assert 0.03 < pooled < 0.07
    # the mistake that the clusters are there to prevent
    assert as_if_independent > 0.2


@pytest.mark.parametrize("n", [1, 2, 7, 21, 250])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_wilson_interval_is_the_one_of_scipy(n, level):
    for successes in range(n + 1):
        expected = stats.binomtest(successes, n).proportion_ci(confidence_level=level, method="wilson")
        assert wilson_interval(successes, n, level=level) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_wilson_interval_is_at_95_percent_unless_told():
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3: 81 of 263
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_wilson_interval_lies_between_0_and_1_around_the_share(counts):
    successes, n = counts
    low, high = wilson_interval(successes, n)
    assert 0 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1


def test_the_wilson_interval_of_nothing_is_nan():
    assert all(math.isnan(bound) for bound in wilson_interval(0, 0))
