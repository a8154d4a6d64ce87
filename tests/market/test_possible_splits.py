"""Jumps between sessions that look like a split which nobody told of, and those that do not."""

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.market.calendars import load_calendar
from stockrnn.market.possible_splits import (
    CONTEXT_SESSIONS,
    explain_jump,
    find_jumps,
    is_same_jump,
    make_issue,
    moves_far,
)
from stockrnn.market.split_ratios import USUAL_RATIOS
from stockrnn.sources.csv_file import read_price_file
from stockrnn.sources.simulated import simulate_bars
from stockrnn.types import BAR_COLUMNS, Action

SESSIONS = load_calendar("XNYS", through_year=2026).sessions(date(2010, 1, 4), date(2025, 12, 31))
PRICES = list(BAR_COLUMNS[:5])
AT = 60


def walk(name="SIM-FAT", count=100):
    return simulate_bars(name, SESSIONS[:count])


def split(bars, ratio, at=AT, *, volume=True):
    """Bars in new shares from `at` on, and in old ones before."""
    raw = bars.copy()
    raw.iloc[at:, :5] /= ratio
    if volume:
        raw.iloc[at:, 5] *= ratio
    return raw


def make_flat(*closes, volume=1000.0):
    rows = [(close, close * 1.01, close * 0.99, close, close, volume) for close in closes]
    return pd.DataFrame(rows, index=SESSIONS[: len(rows)], columns=list(BAR_COLUMNS))


def look(bars):
    return [(jump.session, jump.ratio) for jump in find_jumps(bars)]


@pytest.mark.parametrize("volume", [True, False])
@pytest.mark.parametrize("ratio", [*USUAL_RATIOS, *(1 / ratio for ratio in USUAL_RATIOS)])
def test_prices_over_a_split_that_was_not_applied_jump_by_its_ratio(ratio, volume):
    raw = split(walk(), ratio, volume=volume)
    (jump,) = find_jumps(raw)
    assert (jump.before, jump.session) == (SESSIONS[AT - 1].date(), SESSIONS[AT].date())
    assert (jump.close, jump.open) == (raw["close"].iloc[AT - 1], raw["open"].iloc[AT])
    assert abs(math.log(jump.ratio / ratio)) < 0.2  # large ones lie close together, and the night moved the price too
    assert ratio > 5 or jump.ratio == pytest.approx(ratio)


def test_a_split_that_is_restated_only_in_part_jumps_where_the_restated_part_ends():
    bars = make_flat(13.3, 13.44, 189.38, 190.0, 188.0)
    assert look(bars) == [(SESSIONS[2].date(), pytest.approx(1 / 14))]


def test_both_ends_of_a_stretch_in_other_shares_are_found():
    bars = split(split(walk(), 4.0, 40), 0.25, 70)
    assert look(bars) == [(SESSIONS[40].date(), 4.0), (SESSIONS[70].date(), 0.25)]


@given(st.integers(0, 10_000))
def test_no_walk_with_fat_tails_looks_like_a_split(number):
    assert look(walk(f"SIM{number}", 400)) == []


@pytest.mark.exhaustive
def test_of_eight_hundred_thousand_sessions_with_fat_tails_none_looks_like_a_split():
    assert [found for number in range(200) for found in look(walk(f"SIMX{number}", 4000))] == []


def test_real_histories_with_their_crashes_look_like_no_split(shared_data):
    """Among them a fall of 52 % in a day, which opened at 0.53 of the close before: AAPL on 2000-09-29."""
    found, sessions = [], 0
    for path in sorted(shared_data.glob("*/*.csv")):
        rows = read_price_file(path).set_index("session").dropna(subset=PRICES[:4])
        bars = rows[(rows[PRICES[:4]] > 0).all(axis=1)]
        found += [(path.name, jump) for jump in find_jumps(bars)]
        sessions += len(bars)
    assert (found, sessions > 75_000) == ([], True)


@pytest.mark.parametrize("change", [0.527, 0.481, 0.25, 1.9, 3.0])
def test_a_crash_or_a_rally_on_news_is_traded_many_times_as_much_and_is_no_split(change):
    bars = split(walk(), 1 / change, volume=False)
    bars.iloc[AT, 5] *= 40
    assert look(bars) == []


@pytest.mark.parametrize("volume", [1.0, 15.0, 1000.0])
def test_a_loss_of_nineteen_twentieths_in_a_day_is_looked_at_however_much_is_traded(volume):
    bars = split(walk(), 20.0, volume=False)
    bars.iloc[AT, 5] *= volume
    assert look(bars) == [(SESSIONS[AT].date(), 20.0)]


def test_a_crash_that_trades_through_the_gap_is_no_split():
    bars = make_flat(*[100.0] * 30, *[50.0] * 10)
    bars.loc[SESSIONS[30], ["open", "high"]] = [95.0, 97.0]
    assert look(bars) == []
    bars = make_flat(*[100.0] * 30, *[50.0] * 10)
    bars.loc[SESSIONS[29], "low"] = 55.0  # it began the day before
    assert look(bars) == []


@pytest.mark.parametrize("change", [0.6, 0.65, 0.72, 0.4, 1.5, 1.6, 2.45])
def test_a_jump_between_the_usual_ratios_is_no_split(change):
    assert look(make_flat(*[100.0] * 30, *[100.0 * change] * 10)) == []


def test_a_ticker_that_often_moves_so_is_no_split():
    closes = [100.0, 120.0] * 20
    assert look(make_flat(*closes, 60.0, 62.0)) == []
    assert len(look(make_flat(*[100.0, 101.0] * 20, 50.0, 51.0))) == 1


def test_over_weeks_without_a_bar_a_price_may_go_anywhere():
    bars = make_flat(*[100.0] * 60)
    bars.iloc[30:, :5] /= 2
    assert len(look(bars)) == 1
    assert len(look(bars.drop(index=SESSIONS[25:30]))) == 1
    assert look(bars.drop(index=SESSIONS[20:30])) == []


@pytest.mark.parametrize("volume", [0.0, float("nan")])
def test_without_volumes_prices_alone_decide(volume):
    assert len(look(make_flat(*[100.0] * 30, *[50.0] * 10, volume=volume))) == 1
    mixed = make_flat(*[100.0] * 30, *[50.0] * 10, volume=volume)
    mixed.iloc[30:, 5] = 1e6
    assert len(look(mixed)) == 1


@pytest.mark.parametrize("level", [4e-6, 1.0, 6e5])
def test_the_level_of_the_prices_does_not_matter(level):
    bars = make_flat(*[level] * 30, *[level / 7] * 10)
    assert look(bars) == [(SESSIONS[30].date(), 7.0)]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_bars_are_judged_by_what_there_is(count):
    assert look(walk(count=count)) == []
    assert not moves_far(walk(count=count))
    assert len(look(make_flat(100.0, 5.0)[:count])) == (count == 2)


def test_a_price_that_stands_still_for_months_may_split_too():
    bars = make_flat(*[58.1] * 200, *[29.05] * 5, volume=0.0)
    bars["high"] = bars["low"] = bars["close"]
    assert look(bars) == [(SESSIONS[200].date(), 2.0)]


@given(
    st.sampled_from(USUAL_RATIOS),
    st.booleans(),
    st.integers(0, 1000),
    st.integers(AT + 1, 99),
    st.integers(0, AT - 22),
)
def test_the_sessions_after_a_jump_and_those_long_before_change_nothing(ratio, more, number, through, first):
    raw = split(walk(f"SIM{number}"), ratio if more else 1 / ratio)
    assert AT - 1 - first >= CONTEXT_SESSIONS
    assert list(find_jumps(raw)) == list(find_jumps(raw.iloc[first:through]))
    assert moves_far(raw.iloc[first:through])


@given(
    st.sampled_from(USUAL_RATIOS),
    st.booleans(),
    st.integers(0, 1000),
    st.integers(-7, 7),
    st.integers(0, 2),
)
def test_a_known_split_of_about_that_date_explains_its_jump_and_no_other_does(ratio, more, number, days, others):
    known = ratio if more else 1 / ratio
    (jump,) = find_jumps(split(walk(f"SIM{number}"), known))
    ex_date = (SESSIONS[AT] + pd.Timedelta(days=days)).date()
    actions = [Action(ex_date=date(2020, 1, 2 + day), kind="split", value=4.0) for day in range(others)]
    dividend = Action(ex_date=ex_date, kind="dividend", value=known)
    assert not explain_jump(jump, [dividend, *actions])
    assert not explain_jump(jump, [Action(ex_date=ex_date, kind="split", value=1 / known), *actions])
    assert explain_jump(jump, [Action(ex_date=ex_date, kind="split", value=known), *actions]) or days == -7


def test_two_known_splits_of_a_day_explain_their_product():
    (jump,) = find_jumps(split(walk(), 20.0))
    actions = [
        Action(ex_date=jump.session, kind="split", value=4.0),
        Action(ex_date=jump.before, kind="split", value=5.0),
    ]
    assert explain_jump(jump, actions)
    assert not explain_jump(jump, actions[:1])


def test_a_jump_is_the_same_after_a_later_split_or_a_small_correction_and_another_by_another_ratio():
    assert is_same_jump(0.0512, 0.05)
    assert is_same_jump(20.5, 20.0)
    assert not is_same_jump(0.05, 0.0625)
    assert not is_same_jump(0.05, 20.0)


@pytest.mark.parametrize(
    ("closes", "words"),
    [
        ((2447.0, 122.35), "goes from 2447 to 122.35, as by a split of 20 for 1 "),
        ((13.44, 189.38), "goes from 13.44 to 189.38, as by a split of 1 for 14 "),
        ((0.0000045, 0.00000225), "goes from 0.0000045 to 0.00000225, as by a split of 2 for 1 "),
    ],
)
def test_the_issue_says_from_where_to_where_and_what_to_do(closes, words):
    (jump,) = find_jumps(make_flat(*closes))
    issue = make_issue(jump, "AMZN")
    assert (issue.session, issue.kind) == (date(2010, 1, 5), "possible_split")
    assert f"from the close of 2010-01-04 to the open of 2010-01-05 the price {words}" in issue.detail
    assert "'stockrnn prices update --full --ticker AMZN'" in issue.detail
    assert "'stockrnn prices resolve --ticker AMZN --session 2010-01-05'" in issue.detail
    assert (issue.raw["close"], issue.raw["open"]) == (closes[0], closes[1])
    assert np.isfinite(issue.raw["ratio"])
