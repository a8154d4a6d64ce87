import math
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stockrnn.evaluation.significance import relative_loss
from stockrnn.evaluation.standings import compare_with_benchmarks, rank_models
from stockrnn.evaluation.verdicts import decide_verdict
from stockrnn.types import BASELINES, ERROR_COLUMNS

SESSIONS = pd.bdate_range("2020-01-02", periods=40)


def make_errors(*, spec="small", tickers=("AAA", "BBB"), sessions=SESSIONS, seed=0, worse=0.0):
    """Return random errors in quote currency; prices differ by a factor of ten from ticker to ticker."""
    rows = []
    for at, ticker in enumerate(tickers):
        rng = np.random.default_rng([seed, at])
        scale = 100.0 * 10**at
        for session in sessions:
            noise = {name: rng.normal(0, 0.01) * scale for name in ("predicted", *BASELINES)}
            noise["predicted"] *= 1 + worse
            rows.append({"ticker": ticker, "spec": spec, "session": session, "scale": scale, **noise})
    return pd.DataFrame(rows)[list(ERROR_COLUMNS)]


def place_of(places, model):
    (place,) = [one for one in places if one.model == model]
    return place


def by_hand(loss, reference, clusters):
    """The ratio of means and its delta-method interval, in plain loops."""
    n, base = len(loss), sum(reference) / len(reference)
    ratio = sum(loss) / n / base
    sums = defaultdict(float)
    for one, other, cluster in zip(loss, reference, clusters, strict=True):
        sums[cluster] += one - ratio * other
    groups = len(sums)
    variance = sum(total**2 for total in sums.values()) / n**2 * groups / (groups - 1)
    half = stats.t.ppf(0.975, groups - 1) * math.sqrt(variance) / base
    return ratio, ratio - half, ratio + half


@pytest.mark.parametrize("seed", range(8))
def test_the_relative_loss_and_its_interval_are_those_of_plain_loops(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 200))
    loss, reference = np.abs(rng.normal(size=n)), np.abs(rng.normal(size=n))
    clusters = rng.integers(0, max(n // 3, 2), size=n)
    found = relative_loss(loss, reference, clusters=clusters)
    ratio, low, high = by_hand(loss.tolist(), reference.tolist(), clusters.tolist())
    assert found == pytest.approx((ratio, max(low, 0.0), high), abs=1e-9)


@pytest.mark.parametrize("n", [21, 60, 250])
def test_the_interval_of_the_relative_loss_holds_the_truth_about_95_times_in_100(n):
    rng = np.random.default_rng(n)
    held = 0
    for _ in range(1000):
        shared = np.repeat(np.abs(rng.normal(size=n)), 3)  # three tickers that move together
        loss, reference = 1.1 * (shared + rng.exponential(size=3 * n)), shared + rng.exponential(size=3 * n)
        _, low, high = relative_loss(loss, reference, clusters=np.repeat(np.arange(n), 3))
        held += low <= 1.1 <= high
    assert 920 <= held <= 972


def test_without_reference_loss_or_a_second_session_nothing_is_claimed():
    zeros, ones = np.zeros(5), np.ones(5)
    assert all(math.isnan(value) for value in relative_loss(ones, zeros, clusters=np.arange(5)))
    assert all(math.isnan(value) for value in relative_loss(zeros[:0], zeros[:0], clusters=zeros[:0]))
    ratio, low, high = relative_loss(3 * ones, 2 * ones, clusters=zeros)
    assert ratio == 1.5
    assert math.isnan(low)
    assert math.isnan(high)


def test_tickers_weigh_the_same_whatever_their_prices():
    errors = make_errors()
    dear = errors.copy()
    numbers = ["scale", "predicted", *BASELINES]
    dear.loc[dear["ticker"] == "BBB", numbers] *= 1000.0
    first, second = (place_of(rank_models(table, target="open"), "small") for table in (errors, dear))
    assert second.relative_mae == pytest.approx(first.relative_mae, rel=1e-12)
    assert second.verdict.words == first.verdict.words


def test_a_standing_is_the_mean_relative_miss_over_naives():
    errors = make_errors(worse=0.5)
    place = place_of(rank_models(errors, target="open"), "small")
    loss, naive = (errors[name].abs() / errors["scale"] for name in ("predicted", "naive"))
    assert place.relative_mae == pytest.approx(loss.mean() / naive.mean(), rel=1e-12)
    assert (place.sessions, place.forecasts) == (40, 80)
    assert not place.baseline
    one = errors[errors["ticker"] == "BBB"]
    assert place.by_ticker["BBB"] == pytest.approx(one["predicted"].abs().sum() / one["naive"].abs().sum(), rel=1e-12)
    assert set(place.by_ticker) == {"AAA", "BBB"}


def test_the_best_comes_first_and_every_baseline_is_there_once():
    errors = pd.concat([make_errors(spec="good", worse=-0.9), make_errors(spec="bad", worse=5.0)])
    places = rank_models(errors, target="open")
    assert places[0].model == "good"
    assert places[-1].model == "bad"
    assert sorted(place.model for place in places if place.baseline) == sorted(BASELINES)
    naive = place_of(places, "naive")
    assert naive.relative_mae == 1.0
    assert naive.verdict is None
    assert naive.forecasts == 80  # both specs were measured on the same sessions


def test_a_spec_is_measured_on_its_own_sessions_alone():
    errors = pd.concat([make_errors(spec="long"), make_errors(spec="short", sessions=SESSIONS[:5])])
    places = rank_models(errors, target="open")
    assert place_of(places, "short").sessions == 5
    assert place_of(places, "short").verdict.words == "too few sessions to tell (n = 5)"
    assert place_of(places, "long").sessions == 40


@pytest.mark.parametrize("target", ["close", "adj_close"])
def test_of_closes_naive_alone_is_ranked_since_the_last_close_is_the_same_or_on_another_scale(target):
    places = rank_models(make_errors(), target=target)
    assert {place.model for place in places} == {"small", "naive", "drift", "moving_average"}


def test_rows_of_versions_without_a_baseline_are_left_out_of_it_alone():
    errors = make_errors()
    errors.loc[errors.index[:10], "drift"] = np.nan
    assert place_of(rank_models(errors, target="open"), "drift").forecasts == 70
    errors["moving_average"] = np.nan
    assert "moving_average" not in {place.model for place in rank_models(errors, target="open")}


def test_the_verdict_counts_sessions_not_tickers():
    errors = make_errors(tickers=("AAA", "BBB", "CCC"), sessions=SESSIONS[:8])
    assert compare_with_benchmarks(errors, target="open").words == "too few sessions to tell (n = 8)"
    longer = make_errors(worse=3.0)
    loss = {name: (longer[name].abs() / longer["scale"]).to_numpy() for name in ("predicted", "naive", "last_close")}
    beside = {name: loss[name] for name in ("naive", "last_close")}
    expected = decide_verdict(loss["predicted"], beside, clusters=longer["session"].to_numpy())
    assert compare_with_benchmarks(longer, target="open") == expected
    assert expected.relation == "worse"


def test_an_empty_record_says_so():
    empty = make_errors().iloc[:0]
    assert compare_with_benchmarks(empty, target="open").words == "nothing scored yet"
    assert rank_models(empty, target="open") == ()
