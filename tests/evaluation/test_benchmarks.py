import pytest

from stockrnn.evaluation.benchmarks import (
    BASELINE_TITLES,
    VOLATILITY_TITLES,
    baselines_for,
    benchmarks_for,
    direction_reference,
    join_titles,
    reference_column,
)
from stockrnn.types import BASELINES, VOLATILITY_BENCHMARKS

NEXT_SESSION = ("open", "high", "low")


@pytest.mark.parametrize("target", NEXT_SESSION)
def test_the_open_high_and_low_are_compared_with_naive_and_the_last_close(target):
    assert benchmarks_for(target) == ("naive", "last_close")
    assert baselines_for(target) == ("naive", "last_close", "drift", "moving_average")


@pytest.mark.parametrize("target", ["close", "adj_close"])
def test_closes_are_compared_with_naive_alone(target):
    assert benchmarks_for(target) == ("naive",)
    assert baselines_for(target) == ("naive", "drift", "moving_average")


@pytest.mark.parametrize("target", NEXT_SESSION)
def test_directions_of_open_high_and_low_are_counted_from_the_last_close(target):
    assert direction_reference(target) == "last_close"
    assert reference_column(target) == "close"


def test_directions_of_a_close_are_counted_from_naive_which_is_the_last_close_on_the_same_scale():
    assert [direction_reference(target) for target in ("close", "adj_close")] == ["naive", "naive"]
    assert [reference_column(target) for target in ("close", "adj_close")] == ["close", "adj_close"]


def test_every_volatility_benchmark_has_a_title_without_an_article():
    assert set(VOLATILITY_TITLES) == set(VOLATILITY_BENCHMARKS)
    assert join_titles(["har_fhs", "har_quantiles"], word="or") == "HAR-FHS or HAR quantile regression"


def test_every_baseline_has_a_title_and_all_but_naive_an_article():
    assert set(BASELINE_TITLES) == set(BASELINES)
    assert join_titles(BASELINES, word="and") == "naive, the last close, the drift and the moving average"
    assert join_titles(["naive"], word="or") == "naive"
    assert join_titles(["naive", "last_close"], word="or") == "naive or the last close"
