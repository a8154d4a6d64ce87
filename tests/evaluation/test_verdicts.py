"""Verdicts in words, and the baselines they are against."""

import math

import numpy as np
import pytest
from scipy import stats

from stockrnn.evaluation.benchmarks import benchmarks_for
from stockrnn.evaluation.verdicts import decide_verdict, format_p


def make_loss(n: int, *, mean: float, spread: float = 0.1) -> np.ndarray:
    """Return a loss with that mean for an even n: beside a constant reference its p-value is known."""
    return mean + spread * np.where(np.arange(n) % 2 == 0, 1.0, -1.0)


def paired_p(loss: np.ndarray, reference: np.ndarray) -> float:
    return float(stats.ttest_1samp(loss - reference, 0).pvalue)


def test_a_verdict_on_close_is_against_naive_alone_because_naive_is_the_last_close():
    assert benchmarks_for("close") == ("naive",)
    losses = {"naive": np.ones(60), "last_close": np.ones(60)}
    verdict = decide_verdict(make_loss(60, mean=0.9), {name: losses[name] for name in benchmarks_for("close")})
    assert verdict.against == ("naive",)
    assert verdict.words == "better than naive (p < 0.001)"


@pytest.mark.parametrize("target", ["open", "high", "low"])
def test_a_verdict_on_another_price_is_against_naive_and_the_last_close(target):
    assert benchmarks_for(target) == ("naive", "last_close")


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
