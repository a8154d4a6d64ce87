"""Bars about 100 times off those before them."""

import numpy as np
import pytest
from daily_bars import CLOSES, LATER, MOVES, NAN, SESSIONS, days, look, make_flat, make_path, make_rows
from hypothesis import assume, given
from hypothesis import strategies as st

from stockrnn.market.bars import check_bars
from stockrnn.types import BAR_COLUMNS


@pytest.mark.parametrize("factor", [100, 0.01, 1000])
@pytest.mark.parametrize("wrong", [[0], [6], [14], [5, 6, 7], [0, 1, 2, 3, 4], [12, 13, 14], [0, 7, 14]])
def test_rows_a_hundred_times_off_are_quarantined_and_no_other(factor, wrong):
    closes = np.linspace(100, 114, 15)
    rows = make_flat(*np.where(np.isin(range(15), wrong), closes * factor, closes))
    assert look(rows) == (np.delete(closes, wrong).tolist(), [(day, "jump") for day in days(*wrong)])


def test_a_jump_is_told_with_its_reason_and_numbers():
    (issue,) = check_bars(make_flat(100, 101, 10_200, 103), closes=CLOSES, as_of=LATER).issues
    assert issue.detail == (
        "the prices are about 100 times off those of the sessions before, and no split explains it"
    )
    assert issue.raw == {"session": "2020-01-06", "volume": 1000.0} | dict.fromkeys(BAR_COLUMNS[:5], 10_200.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"open": 1000.0, "high": 1000.0},
        {"high": 1200.0},
        {"open": 0.1, "low": 0.1},
        {"low": 0.09},
        {"close": 1100.0, "high": 1100.0},
    ],
)
@pytest.mark.parametrize("position", [0, 3])
def test_one_price_a_hundred_times_off_is_enough(changes, position):
    bars = [{}] * 5
    bars[position] = changes
    kept, quarantined = look(make_rows(*bars))
    assert kept == [11.0] * 4
    assert quarantined == [(SESSIONS[position].day, "jump")]


def test_an_adj_close_far_below_the_close_is_no_jump():
    assert look(make_rows(*[{"adj_close": 0.01}] * 3)) == ([11.0] * 3, [])


def test_a_row_is_measured_by_the_last_good_one():
    rows = make_flat(100, 100, 100, 10_000, 100, 10_000, 110)
    rows.loc[4, "high"] = NAN
    kinds = [(days(3)[0], "jump"), (days(4)[0], "missing_price"), (days(5)[0], "jump")]
    assert look(rows) == ([100.0, 100.0, 100.0, 110.0], kinds)


@pytest.mark.parametrize("rise", [30.0, 1 / 30, 2000.0])
def test_a_long_rise_or_fall_is_no_jump(rise):
    closes = np.geomspace(10, 10 * rise, len(SESSIONS)).tolist()
    assert look(make_flat(*closes)) == (closes, [])


def test_a_long_rise_is_followed_also_where_a_row_in_its_midst_is_wrong():
    closes = np.geomspace(10, 20_000, len(SESSIONS))
    rows = make_flat(*np.where(np.arange(len(closes)) == 15, closes * 100, closes))
    assert look(rows) == (np.delete(closes, 15).tolist(), [(days(15)[0], "jump")])


@pytest.mark.parametrize("move", [30.0, 49.0, 1 / 49])
def test_a_move_below_fifty_times_in_one_session_may_be_real(move):
    closes = [100.0] * 10 + [100 * move] * 5
    assert look(make_flat(*closes)) == (closes, [])


@given(MOVES, st.data())
def test_exactly_the_wrong_rows_are_jumps_as_long_as_they_are_few_at_the_start(moves, data):
    closes = make_path(moves)
    factors = st.sampled_from([100, 0.01])
    start = data.draw(st.dictionaries(st.integers(0, 10), factors, max_size=5))
    rest = data.draw(st.dictionaries(st.integers(10, len(moves) - 1), factors))
    wrong = start if len(start) == 5 else start | rest
    right = [-1, *(i for i in range(len(moves)) if i not in wrong), len(moves)]
    assume(max(np.diff(right)) <= 11)  # eleven in a row are believed
    given_closes = [close * wrong.get(i, 1) for i, close in enumerate(closes)]
    good = [close for i, close in enumerate(closes) if i not in wrong]
    assert look(make_flat(*given_closes)) == (good, [(day, "jump") for day in days(*sorted(wrong))])
