"""Promotion on planted cases: how often a worse, an equal and a broken candidate passes."""

import math
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from stockrnn.training.promotion import (
    MARGIN,
    choose_champions,
    count_sessions_needed,
    decide_promotion,
    find_fault,
)

TICKERS = 5
DECISIONS = 500


class Market:
    """Losses of models of known quality on the same sessions: tickers move together, models agree in the main."""

    def __init__(self, seed, sessions, own=0.15):
        self.rng = np.random.default_rng(seed)
        self.own = own
        shared = self.rng.exponential(size=(sessions, 1))
        self.hard = (0.3 * shared + 0.7 * self.rng.exponential(size=(sessions, TICKERS))).ravel()
        self.clusters = np.repeat(np.arange(sessions), TICKERS)

    def make(self, quality):
        """Return the losses of a model whose mean loss is `quality` times the market's."""
        own = 1 + self.own * self.rng.normal(size=len(self.hard))
        return quality * self.hard * np.abs(own)


def deviation(market):
    """The d of the power calculation: per session, as a share of the mean loss."""
    one, other = market.make(1.0), market.make(1.0)
    by_session = (one - other).reshape(-1, TICKERS).mean(axis=1)
    return by_session.std() / other.mean()


D = deviation(Market(0, 20_000))
SESSIONS = math.ceil(((3.0902 + 1.2816) * D / MARGIN) ** 2)


def pass_rate(quality, **options):
    passed = 0
    for seed in range(DECISIONS):
        market = Market(seed + 1, SESSIONS, **options)
        champion, candidate = market.make(1.0), market.make(quality)
        passed += decide_promotion(candidate, {"old": champion}, clusters=market.clusters).promoted
    return passed / DECISIONS


def test_a_challenger_that_is_worse_by_the_margin_is_promoted_at_most_once_in_twenty():
    assert pass_rate(1 + MARGIN) <= 0.05


def test_a_challenger_of_equal_quality_is_promoted_at_least_four_times_in_five():
    assert pass_rate(1.0) >= 0.80


def test_a_better_candidate_is_promoted_nearly_always():
    assert pass_rate(0.97) >= 0.99


@pytest.mark.parametrize(
    "breaking",
    [
        lambda loss: np.full_like(loss, math.nan),
        lambda loss: np.where(loss > 3, math.inf, loss),
        lambda loss: loss * 3,
    ],
    ids=["no numbers", "some infinite", "three times the loss"],
)
def test_a_broken_candidate_is_never_promoted(breaking):
    for seed in range(DECISIONS):
        market = Market(seed, SESSIONS)
        decision = decide_promotion(breaking(market.make(1.0)), {"old": market.make(1.0)}, clusters=market.clusters)
        assert not decision.promoted


@pytest.mark.parametrize("seed", range(5))
def test_a_year_of_candidates_each_a_little_worse_stays_within_the_margin(seed):
    start = date(2020, 1, 6)
    qualities, in_use = {"start": 1.0}, [("start", start)]
    for week in range(1, 53):
        market = Market(1000 * seed + week, SESSIONS)
        champions = {name: market.make(qualities[name]) for name in choose_champions(in_use)}
        quality = qualities[in_use[0][0]] * 1.01
        if decide_promotion(market.make(quality), champions, clusters=market.clusters).promoted:
            qualities[f"week {week}"] = quality
            in_use.insert(0, (f"week {week}", start + timedelta(weeks=week)))
    assert 1.0 < qualities[in_use[0][0]] <= 1 + MARGIN


def test_champions_are_the_one_in_use_and_the_first_of_each_month():
    days = [
        date(2024, 3, 8),
        date(2024, 3, 4),
        date(2024, 2, 26),
        date(2024, 2, 5),
        date(2024, 2, 1),
        date(2023, 3, 9),
    ]
    in_use = [(f"{day}", day) for day in days]
    assert choose_champions(in_use) == ["2024-03-08", "2024-03-04", "2024-02-01", "2023-03-09"]
    assert choose_champions(in_use[:1]) == ["2024-03-08"]
    assert choose_champions([]) == []
    nights = [(str(day), day) for day in (date(2024, 12, 31) - timedelta(days=n) for n in range(365))]
    assert len(choose_champions(nights)) == 13


def make_tried(predicted, *, output=None, close=(10.0, 11.0, 12.0)):
    columns = {"predicted": predicted, "output": predicted if output is None else output, "last_close": close}
    return pd.DataFrame(columns | {"actual": [10.5, 11.5, math.nan]})


@pytest.mark.parametrize(
    ("tried", "fault"),
    [
        (make_tried([10.0, 11.0, 12.0]), None),
        (make_tried([10.0, math.nan, 12.0]), "some of its forecasts are no numbers"),
        (make_tried([10.0, math.inf, 12.0]), "some of its forecasts are no numbers"),
        (make_tried([10.0, 10.0, 10.0]), "its network says the same whatever came before"),
        (make_tried([10.0, 11.0, 12.0], output=[2.0, 2.0, 2.0]), "its network says the same whatever came before"),
        (make_tried([10.0, 10.0, 10.0], close=(10.0, 10.0, 10.0)), None),
        (make_tried([10.0, 11.0, 12.0]).iloc[:1], None),
        (make_tried([10.0, 11.0, 12.0]).iloc[:0], None),
    ],
)
def test_what_is_broken_is_named(tried, fault):
    assert find_fault(tried) == fault


def test_the_best_champion_is_the_measure_not_the_last():
    market = Market(3, SESSIONS)
    champions = {"best": market.make(0.9), "last": market.make(1.0)}
    decision = decide_promotion(market.make(1.0), champions, clusters=market.clusters)
    assert decision.reference == "best"
    assert not decision.promoted
    assert decision.relative_loss == pytest.approx(1 / 0.9, abs=0.03)
    assert decision.reason.startswith("its loss is 1.1")


def test_the_sessions_needed_are_those_of_the_formula():
    market = Market(4, 2000)
    decision = decide_promotion(market.make(1.0), {"old": market.make(1.0)}, clusters=market.clusters)
    assert decision.sessions_needed == pytest.approx(SESSIONS, rel=0.12)
    assert count_sessions_needed(0.2 * 3.0902 / math.sqrt(400), 400) == 306


def test_the_first_model_is_promoted_and_too_few_sessions_decide_nothing():
    market = Market(5, 9)
    assert decide_promotion(market.make(1.0), {}, clusters=market.clusters).promoted
    decision = decide_promotion(market.make(0.5), {"old": market.make(1.0)}, clusters=market.clusters)
    assert not decision.promoted
    assert decision.reason == "9 sessions are too few to compare it on"


def test_where_no_session_is_new_to_both_nothing_is_decided_in_favour():
    nothing = np.array([])
    decision = decide_promotion(nothing, {"old": nothing}, clusters=nothing)
    assert (decision.promoted, decision.reason) == (False, "0 sessions are too few to compare it on")
