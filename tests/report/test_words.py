"""What the report says in words."""

import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from stockrnn.evaluation.holdouts import compute_scores
from stockrnn.market.calendars import load_calendar
from stockrnn.report.words import chance_points, describe_backtest, describe_forecast, interval_verdict, verdict
from stockrnn.sources.simulated import FIRST_SESSION, RANDOM_WALK, simulate_bars
from stockrnn.types import Backtest, Forecast, Span

JANUARY = Span(date(2020, 1, 1), date(2020, 1, 31))


def make_forecast(**changes):
    fields = {
        "forecast_id": "f",
        "ticker": "META",
        "target": "open",
        "spec": "tutorial",
        "cutoff": date(2025, 10, 7),
        "kind": "live",
        "target_session": date(2025, 10, 8),
        "target_opens_at": datetime(2025, 10, 8, 13, 30, tzinfo=UTC),
        "live_until": datetime(2025, 10, 8, 13, 30, tzinfo=UTC),
        "model_id": "m",
        "issued_at": datetime(2025, 10, 7, 22, 0, tzinfo=UTC),
        "predicted": 716.30,
        "naive": 713.00,
        "last_close": 716.90,
        "drift": 713.00,
        "moving_average": 713.00,
        "window_sha256": "0",
    }
    return Forecast(**(fields | changes))


def make_backtest(model, naive=None, last_close=None, *, sessions=21, **changes):
    """`model`, `naive`, `last_close`: their metrics. Prices near 210."""
    index = pd.bdate_range("2020-01-02", periods=sessions, name="session")
    prices = {"actual": 210.0, "predicted": 212.0, "naive": 209.0, "last_close": 209.5}
    fields = {
        "backtest_id": "b",
        "ticker": "META",
        "spec": "tutorial",
        "target": "open",
        "trained_from": date(2015, 1, 2),
        "cutoff": date(2019, 12, 31),
        "holdout": JANUARY,
        "seed": 0,
        "epochs": 100,
        "training_sessions": 1258,
        "windows": 1218,
        "losses": (0.042, 0.0016),
        "parameters": 71_051,
        "train_seconds": 12.5,
        "created_at": datetime(2020, 2, 1, tzinfo=UTC),
        "forecasts": pd.DataFrame(prices, index=index),
        "verdict": "no better than naive",
        "metrics": {"tutorial": model, "naive": naive or {}, "last_close": last_close or {}},
    }
    return Backtest(**(fields | changes))


def test_a_forecast_is_told_beside_the_last_open_and_the_last_close():
    assert describe_forecast(make_forecast(), currency="USD") == (
        "META is forecast to open at 716.30 USD on Wednesday 8 October 2025: "
        "0.5 % above its last open (713.00) and 0.1 % below its last close (716.90)."
    )


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("open", "open at"),
        ("high", "reach a high of"),
        ("low", "reach a low of"),
        ("close", "close at"),
        ("adj_close", "have an adjusted close of"),
    ],
)
def test_every_target_has_its_verb(target, words):
    text = describe_forecast(make_forecast(target=target), currency=None)

    assert text.startswith(f"META is forecast to {words} 716.30 on Wednesday")


def test_a_forecast_of_the_close_names_the_last_close_once():
    forecast = make_forecast(target="close", naive=716.90)

    text = describe_forecast(forecast, currency="USD")

    assert text.endswith("on Wednesday 8 October 2025: 0.1 % below its last close (716.90).")


def test_a_forecast_of_the_adjusted_close_is_not_compared_with_the_close():
    forecast = make_forecast(target="adj_close", naive=358.15, predicted=361.0)

    text = describe_forecast(forecast, currency="USD")

    assert text.endswith("on Wednesday 8 October 2025: 0.8 % above its last adjusted close (358.15).")


def test_a_hindcast_says_that_it_was_computed_afterwards():
    text = describe_forecast(make_forecast(kind="hindcast"), currency="USD")

    assert text.startswith("META would have been forecast to open at 716.30 USD")
    assert "(computed afterwards, not a live forecast)" in text


def test_a_difference_too_small_to_write_is_practically_none():
    text = describe_forecast(make_forecast(naive=716.30, last_close=716.31), currency="USD")

    assert text.endswith("practically the same as its last open (716.30) and its last close (716.31).")


@pytest.mark.parametrize(
    ("price", "written"),
    [
        (0.0001, "at 0.0001000 USD"),
        (0.5, "at 0.5000 USD"),
        (12.345, "at 12.35 USD"),
        (600_000.0, "at 600,000 USD"),
    ],
)
def test_a_price_has_the_decimals_it_needs(price, written):
    forecast = make_forecast(predicted=price, naive=price, last_close=price)

    assert written in describe_forecast(forecast, currency="USD")


def test_a_baseline_of_zero_or_nan_gives_no_percentage():
    text = describe_forecast(make_forecast(naive=0.0, last_close=math.nan), currency=None)

    assert text.endswith("beside its last open (0.00) and beside its last close (n/a).")


def test_a_backtest_is_told_in_four_sentences():
    backtest = make_backtest(
        {"mae": 4.43, "bias": 3.1, "directional_accuracy": 10 / 21}, {"mae": 2.7081}, {"mae": 2.1271}
    )

    test, miss, bias, direction = describe_backtest(backtest, currency="USD")

    assert test == (
        "Tested on 21 sessions of January 2020, each forecast one session ahead by a model (tutorial) that had "
        "seen nothing after 31 December 2019."
    )
    assert miss == (
        "Its average miss was 4.43 USD; repeating the last known open (naive) missed by 2.71 USD, the last close "
        "by 2.13 USD."
    )
    assert bias == "On average it was too high by 3.10 USD."
    assert direction == (
        "Counted from the last close, it named the right direction in 48 % of 21 sessions; a coin is right half of "
        "the time, give or take 21 points over that many."
    )


def test_what_quantiles_are_worth_beside_volatility_benchmarks_is_said_instead_of_the_bias():
    model = {"mae": 3.0, "bias": 1.0, "pinball": 1.0, "pinball_sessions": 21}
    backtest = make_backtest(model, {"mae": 2.5}, {"mae": 2.5})
    assert interval_verdict(backtest) == ""
    other = {"pinball": 1.2, "pinball_sessions": 21}
    known = {"ewma": other | {"pinball_p_value": 0.01}, "har_fhs": other | {"pinball_p_value": 0.0123}}
    backtest = replace(backtest, metrics=backtest.metrics | known)
    assert describe_backtest(backtest)[2:] == (
        "Its quantiles, by their pinball loss: better than EWMA and HAR-FHS (p = 0.012).",
    )


@pytest.mark.parametrize(("target", "title"), [("close", "close"), ("adj_close", "adjusted close")])
def test_a_backtest_of_a_close_names_one_baseline(target, title):
    sentences = describe_backtest(make_backtest({"mae": 3.0}, {"mae": 2.5}, {"mae": 9.5}, target=target))

    assert sentences[1] == f"Its average miss was 3.00; repeating the last known {title} (naive) missed by 2.50."


@pytest.mark.parametrize(
    ("target", "price", "count"), [("open", "close", 21), ("close", "close", 18), ("adj_close", "adjusted close", 18)]
)
def test_the_price_that_directions_are_counted_from_is_named_and_counts(target, price, count):
    backtest = make_backtest({"mae": 1.0, "directional_accuracy": 0.5}, {"mae": 1.0}, {"mae": 1.0}, target=target)
    backtest.forecasts.loc[backtest.forecasts.index[:3], "actual"] = 209.0  # naive: only its directions are none

    directions = describe_backtest(backtest)[-1]

    assert directions.startswith(f"Counted from the last {price}, it named the right direction in 50 % of {count} ")
    assert "; a coin is right half of the time, give or take" in directions


def test_on_a_random_walk_a_report_shows_about_half_of_the_directions_of_the_open():
    sessions = load_calendar("XNYS", through_year=2014).sessions(FIRST_SESSION, date(2013, 12, 31))
    bars = simulate_bars(RANDOM_WALK, sessions)
    noise = np.random.default_rng(2).normal(0, 1e-4, len(bars))
    columns = {"actual": bars["open"], "naive": bars["open"].shift(1), "last_close": bars["close"].shift(1)}
    table = pd.DataFrame(columns).assign(predicted=columns["last_close"] * (1 + noise)).iloc[1:]
    scores = compute_scores(table, spec="tutorial", target="open")
    shares = {year: compute_scores(table.loc[year], spec="tutorial", target="open") for year in ("2011", "2012")}

    directions = describe_backtest(make_backtest({}, forecasts=table, metrics=scores))[-1]

    share = scores["tutorial"]["directional_accuracy"]
    assert directions == (
        f"Counted from the last close, it named the right direction in {100 * share:.0f} % of {len(table)} sessions; "
        "a coin is right half of the time, give or take 3 points over that many."
    )
    assert share == pytest.approx(0.5, abs=0.03)
    assert all(abs(scores["tutorial"]["directional_accuracy"] - 0.5) < 0.08 for scores in shares.values())


@pytest.mark.parametrize(
    ("bias", "sentence"),
    [
        (-1.5, "On average it was too low by 1.50."),
        (1.5, "On average it was too high by 1.50."),
        (0.001, "On average it was neither too high nor too low."),
    ],
)
def test_a_positive_bias_is_too_high(bias, sentence):
    assert sentence in describe_backtest(make_backtest({"mae": 2.0, "bias": bias}, {"mae": 2.0}))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (JANUARY, "of January 2020,"),
        (Span(date(2020, 1, 2), date(2020, 1, 8)), "from 2 January 2020 to 8 January 2020,"),
        (Span(date(2020, 1, 2), date(2020, 1, 2)), "on 2 January 2020,"),
    ],
)
def test_the_holdout_is_a_month_or_its_dates(span, words):
    assert words in describe_backtest(make_backtest({"mae": 1.0}, holdout=span))[0]


@pytest.mark.parametrize("missing", [{}, {"mae": None, "bias": None}, {"mae": math.nan, "bias": math.nan}])
def test_missing_metrics_leave_their_sentences_out(missing):
    sentences = describe_backtest(make_backtest(missing, missing, missing), currency="USD")

    assert len(sentences) == 2
    assert "average miss was n/a; " in sentences[1]


def make_misses(model, naive, last_close, *, sessions=21, **changes):
    """A backtest whose absolute errors lie around those given, by turns above and below them."""
    index = pd.bdate_range("2020-01-02", periods=sessions, name="session")
    wobble = [1.1 if at % 2 else 0.9 for at in range(sessions)]
    misses = {"predicted": model, "naive": naive, "last_close": last_close}
    columns = {name: [210.0 + miss * w**at for w in wobble] for at, (name, miss) in enumerate(misses.items(), 1)}
    return make_backtest({}, forecasts=pd.DataFrame({"actual": 210.0, **columns}, index=index), **changes)


@pytest.mark.parametrize(
    ("misses", "target", "expected"),
    [
        ((4.43, 2.71, 2.13), "open", "worse than naive and the last close (p < 0.001)"),
        ((2.4, 2.71, 2.13), "open", "worse than the last close (p = 0.021)"),
        ((2.4, 2.71, 2.13), "close", "better than naive (p < 0.001)"),
        ((2.0, 2.71, 2.5), "open", "better than naive and the last close (p < 0.001)"),
    ],
)
def test_the_verdict_is_on_the_better_baseline(misses, target, expected):
    assert verdict(make_misses(*misses, target=target)) == expected


def test_one_session_is_too_few_to_tell():
    backtest = make_misses(1.0, 2.0, 2.0, sessions=1)
    assert verdict(backtest) == "too few sessions to tell (n = 1)"
    assert describe_backtest(backtest)[0].startswith("Tested on 1 session of January 2020, forecast one session")


def test_without_errors_there_is_no_verdict():
    empty = make_backtest({}).forecasts.iloc[:0]
    assert verdict(make_backtest({}, forecasts=empty)) == "nothing scored yet"


@pytest.mark.parametrize(("sessions", "points"), [(21, 21.39), (100, 9.8), (1, 50.0)])
def test_chance_is_the_interval_of_a_coin(sessions, points):
    assert chance_points(sessions) == pytest.approx(points, abs=0.005)


def test_words_do_not_load_matplotlib():
    code = "import sys, stockrnn.report.words; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_sessions_that_did_not_move_are_not_counted_among_the_directions():
    backtest = make_backtest({"mae": 1.0, "directional_accuracy": 0.5}, {"mae": 1.0}, {"mae": 1.0})
    backtest.forecasts.loc[backtest.forecasts.index[:3], "actual"] = 209.5  # the last close
    assert any("in 50 % of 18 sessions" in sentence for sentence in describe_backtest(backtest))
