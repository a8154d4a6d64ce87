"""Specs beside each other: each with the figures of its own backtests, and what it cost."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report.pictures import make_backtest

from stockrnn.evaluation.comparison import compare_specs
from stockrnn.evaluation.holdouts import find_verdict
from stockrnn.evaluation.significance import relative_loss
from stockrnn.evaluation.standings import compare_with_benchmarks, find_errors


def make_noisy(spec, ticker="AAA", *, noise=0.01, sessions=60, scale=200.0, **changes):
    """A backtest whose forecasts are naive with noise that is a share of the price."""
    made = make_backtest(spec=spec, ticker=ticker, sessions=sessions, scale=scale, **changes)
    rng = np.random.default_rng([ord(letter) for letter in f"{spec}{ticker}"])
    naive = made.forecasts["naive"]
    table = made.forecasts.assign(
        predicted=naive * (1 + rng.normal(0.0, noise, sessions)), drift=naive, moving_average=naive
    )
    return replace(made, forecasts=table.rename_axis("session"))


def compare(*backtests, specs=("small", "large"), shared=(), target="open"):
    return compare_specs(backtests, target=target, specs=specs, shared=shared)


def test_of_one_ticker_the_figures_are_those_of_its_backtests():
    small, large = make_noisy("small"), make_noisy("large", noise=0.05)
    rows = compare(small, large)
    for backtest, row in zip((small, large), rows, strict=False):
        table = backtest.forecasts
        error, naive = (np.abs(table[name] - table["actual"]).to_numpy() for name in ("predicted", "naive"))
        ratio, low, high = relative_loss(error, naive, clusters=np.arange(len(table)))
        place = row.standing
        assert place.mae == pytest.approx(np.mean(error))
        assert (place.relative_mae, place.low, place.high) == pytest.approx((ratio, low, high))
        assert place.verdict.words == find_verdict(table, target="open").words
    assert rows[1].standing.verdict.relation == "worse"
    naive = rows[2].standing
    assert (naive.mae, naive.relative_mae) == (pytest.approx(small.forecasts.eval("abs(naive - actual)").mean()), 1.0)


def test_tickers_are_pooled_as_shares_of_the_last_close_with_sessions_as_clusters():
    tested = [make_noisy("small", "AAA"), make_noisy("small", "BBB", scale=3.0)]
    (row, naive, last_close) = compare(*tested, specs=("small",))
    shares, clusters = [], []
    for backtest in tested:
        table = backtest.forecasts
        shares.append(
            np.abs(table[["predicted", "naive"]].sub(table["actual"], axis=0)).div(table["last_close"], axis=0)
        )
        clusters.append(table.index)
    pooled, dates = pd.concat(shares), np.concatenate(clusters)
    expected = relative_loss(pooled["predicted"].to_numpy(), pooled["naive"].to_numpy(), clusters=dates)
    assert row.standing.mae == pytest.approx(pooled["predicted"].mean())
    assert (row.standing.relative_mae, row.standing.low, row.standing.high) == pytest.approx(expected)
    errors = pd.concat([find_errors(backtest) for backtest in tested])
    assert row.standing.verdict == compare_with_benchmarks(errors, target="open")
    assert (row.standing.sessions, row.standing.forecasts) == (60, 120)
    assert [one.standing.model for one in (naive, last_close)] == ["naive", "last_close"]


@pytest.mark.parametrize(
    ("target", "benchmarks"), [("open", ["naive", "last_close"]), ("close", ["naive"]), ("adj_close", ["naive"])]
)
def test_specs_stand_in_the_order_given_then_the_benchmarks_of_the_target(target, benchmarks):
    tested = [make_noisy("small", target=target), make_noisy("large", target=target)]
    rows = compare(*tested, specs=("large", "none", "small"), target=target)
    assert [row.standing.model for row in rows] == ["large", "small", *benchmarks]


def test_trainings_of_several_tickers_add_up_but_a_model_for_all_of_them_counts_once():
    tested = [
        make_noisy(spec, ticker, parameters=parameters, train_seconds=seconds)
        for ticker in ("AAA", "BBB")
        for spec, parameters, seconds in (("small", 101, 1.5), ("large", 71_051, 40.0))
    ]
    small, large, naive, _ = compare(*tested, shared={"large"})
    assert (small.parameters, small.train_seconds) == (101, 3.0)
    assert (large.parameters, large.train_seconds) == (71_051, 40.0)
    assert (naive.parameters, naive.train_seconds) == (None, None)


def test_a_spec_that_lacks_a_ticker_is_measured_on_the_others():
    tested = [make_noisy("small", "AAA"), make_noisy("small", "BBB"), make_noisy("large", "AAA", noise=0.05)]
    small, large, naive, _ = compare(*tested)
    assert [set(one.standing.by_ticker) for one in (small, large)] == [{"AAA", "BBB"}, {"AAA"}]
    assert naive.standing.forecasts == 120


def test_of_no_backtest_there_is_no_comparison():
    assert compare() == ()
