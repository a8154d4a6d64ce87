import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stockrnn.evidence import (
    decide_verdict,
    diebold_mariano,
    format_p,
    pooled_diebold_mariano,
    wilson_interval,
    yardsticks,
)


def make_losses(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two correlated losses that differ by a random mean, so that p-values of every size occur."""
    rng = np.random.default_rng(seed)
    shared = np.abs(rng.standard_normal(n))
    return shared + np.abs(rng.standard_normal(n)) + rng.uniform(-0.5, 0.5), shared + np.abs(rng.standard_normal(n))


def make_loss(n: int, *, mean: float, spread: float = 0.1) -> np.ndarray:
    """Return a loss with that mean for an even n: beside a constant reference its p-value is known."""
    return mean + spread * np.where(np.arange(n) % 2 == 0, 1.0, -1.0)


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


def test_a_verdict_on_close_is_against_naive_alone_because_naive_is_the_last_close():
    assert yardsticks("close") == ("naive",)
    losses = {"naive": np.ones(60), "last_close": np.ones(60)}
    verdict = decide_verdict(make_loss(60, mean=0.9), {name: losses[name] for name in yardsticks("close")})
    assert verdict.against == ("naive",)
    assert verdict.words == "better than naive (p < 0.001)"


@pytest.mark.parametrize("target", ["open", "high", "low"])
def test_a_verdict_on_another_price_is_against_naive_and_the_last_close(target):
    assert yardsticks(target) == ("naive", "last_close")


def test_better_than_both_names_both_and_the_larger_p_value():
    loss = make_loss(60, mean=0.97)
    baselines = {"naive": np.full(60, 1.02), "last_close": np.full(60, 1.0)}
    p_value = paired_p(loss, baselines["last_close"])
    assert paired_p(loss, baselines["naive"]) < p_value < 0.05
    verdict = decide_verdict(loss, baselines)
    assert (verdict.relation, verdict.against, verdict.n) == ("better", ("naive", "last_close"), 60)
    assert verdict.p_value == pytest.approx(p_value, abs=1e-9)
    assert verdict.words == f"better than naive and the last close (p = {p_value:.3f})"


def test_worse_than_both_names_both_and_the_larger_p_value():
    loss = make_loss(60, mean=1.03)
    baselines = {"naive": np.full(60, 1.0), "last_close": np.full(60, 0.9)}
    p_value = paired_p(loss, baselines["naive"])
    assert paired_p(loss, baselines["last_close"]) < p_value < 0.05
    verdict = decide_verdict(loss, baselines)
    assert (verdict.relation, verdict.against) == ("worse", ("naive", "last_close"))
    assert verdict.words == f"worse than naive and the last close (p = {p_value:.3f})"


@pytest.mark.parametrize("naive_mean", [1.04, 1.02, 1.2], ids=["as good as", "a little worse", "far better"])
def test_worse_than_one_names_that_one_whatever_the_other_shows(naive_mean):
    loss = make_loss(60, mean=1.03)
    baselines = {"naive": np.full(60, naive_mean), "last_close": np.full(60, 1.0)}
    p_value = paired_p(loss, baselines["last_close"])
    verdict = decide_verdict(loss, baselines)
    assert (verdict.relation, verdict.against) == ("worse", ("last_close",))
    assert verdict.words == f"worse than the last close (p = {p_value:.3f})"


def test_better_than_one_and_proven_nothing_against_the_other_is_no_better_than_the_other():
    loss = make_loss(60, mean=1.0)
    baselines = {"naive": np.full(60, 1.2), "last_close": np.full(60, 0.99)}
    assert paired_p(loss, baselines["naive"]) < 0.001
    assert paired_p(loss, baselines["last_close"]) > 0.05
    verdict = decide_verdict(loss, baselines)
    assert (verdict.relation, verdict.against) == ("no better", ("last_close",))
    assert verdict.words == "no better than the last close"


def test_the_same_errors_as_naive_are_no_better_than_naive():
    loss = make_loss(60, mean=1.0)
    verdict = decide_verdict(loss, {"naive": loss})
    assert verdict.words == "no better than naive"
    assert verdict.p_value == 1


def test_an_error_larger_but_not_significantly_is_no_better_even_in_a_small_sample():
    verdict = decide_verdict(make_loss(20, mean=1.01), {"naive": np.ones(20), "last_close": np.ones(20)})
    assert verdict.words == "no better than naive or the last close"


@pytest.mark.parametrize(
    ("n", "words"),
    [(124, "too few sessions to tell (n = 124)"), (125, "no better than naive or the last close")],
)
def test_an_unproven_improvement_is_too_few_to_tell_below_half_a_year_and_no_better_from_it_on(n, words):
    loss = make_loss(n, mean=0.99)
    baselines = {"naive": np.ones(n), "last_close": np.full(n, 1.001)}
    assert np.mean(loss) < 1
    assert paired_p(loss, baselines["naive"]) > 0.05
    assert decide_verdict(loss, baselines).words == words


def test_an_improvement_proven_over_one_baseline_only_is_too_few_to_tell():
    baselines = {"naive": np.full(60, 1.2), "last_close": np.full(60, 1.0)}
    verdict = decide_verdict(make_loss(60, mean=0.99), baselines)
    assert (verdict.relation, verdict.n) == ("too few", 60)
    assert verdict.words == "too few sessions to tell (n = 60)"


@pytest.mark.parametrize("mean", [0.8, 1.2])
def test_nothing_is_tested_below_ten_sessions(mean):
    nine, ten = (decide_verdict(make_loss(n, mean=mean), {"naive": np.ones(n)}) for n in (9, 10))
    assert nine.words == "too few sessions to tell (n = 9)"
    assert math.isnan(nine.p_value)
    assert ten.relation == ("better" if mean < 1 else "worse")


def test_without_errors_there_is_no_verdict():
    verdict = decide_verdict(np.array([]), {"naive": np.array([])})
    assert (verdict.relation, verdict.n, verdict.suspicious) == ("none", 0, False)
    assert verdict.words == "nothing scored yet"


def test_an_error_smaller_than_prices_allow_is_called_suspicious():
    baselines = {"naive": np.full(60, 1.5), "last_close": np.ones(60)}
    leaked, good = (decide_verdict(make_loss(60, mean=mean), baselines) for mean in (0.59, 0.61))
    assert leaked.suspicious
    words = "better than naive and the last close (p < 0.001)"
    assert leaked.words == f"{words}; suspiciously so, look for a leak"
    # 0.61 of the last close, 0.41 of naive: the best baseline counts
    assert not good.suspicious
    assert good.words == words


def test_a_small_error_that_proves_nothing_is_not_suspicious():
    loss = make_loss(10, mean=0.5, spread=0.3)
    noisy = np.where(np.arange(10) == 0, 20.0, 0.0)
    verdict = decide_verdict(loss, {"naive": noisy})
    assert (verdict.relation, verdict.suspicious) == ("too few", False)


def test_a_pooled_verdict_counts_sessions_and_not_pairs():
    nine = np.repeat(np.arange(9), 20)
    verdict = decide_verdict(make_loss(180, mean=0.8), {"naive": np.ones(180)}, clusters=nine)
    assert verdict.words == "too few sessions to tell (n = 9)"


def test_a_pooled_verdict_takes_the_pairs_of_one_date_as_one():
    daily = make_loss(40, mean=0.98)
    loss, dates, naive = np.repeat(daily, 5), np.repeat(np.arange(40), 5), np.ones(200)
    p_value = paired_p(daily, np.ones(40))
    assert p_value > 0.05 > paired_p(loss, naive)
    assert decide_verdict(loss, {"naive": naive}).relation == "better"
    pooled = decide_verdict(loss, {"naive": naive}, clusters=dates)
    assert (pooled.relation, pooled.n) == ("too few", 40)
    assert pooled.p_value == pytest.approx(p_value, abs=1e-9)


@pytest.mark.parametrize(
    ("p_value", "words"),
    [(0.0, "p < 0.001"), (0.00099, "p < 0.001"), (0.001, "p = 0.001"), (0.0123, "p = 0.012"), (1.0, "p = 1.000")],
)
def test_a_p_value_is_written_with_three_decimals(p_value, words):
    assert format_p(p_value) == words
