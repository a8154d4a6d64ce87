"""A whole past that a source restates: splits, dividends, other units."""

import numpy as np
import pytest
from compared_bars import (
    PRICES,
    SESSIONS,
    assert_same,
    make_bars,
    multiply,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from stockrnn.market.revisions import compare_bars


@pytest.mark.parametrize("ratio", [4.0, 1.5, 0.1])
def test_a_split_puts_the_whole_past_in_one_ratio(ratio):
    offered = multiply(make_bars(), 1 / ratio).assign(volume=make_bars()["volume"] * ratio)
    found = compare_bars(make_bars(), offered, splits=[ratio])
    assert_same(found.changed, offered)
    assert found.reasons.to_dict() == dict.fromkeys(SESSIONS[:10], "split")
    assert found.restated
    assert found.factor == pytest.approx(1 / ratio, rel=1e-12)
    assert not found.is_unit_mixup


@given(
    factor=st.floats(0.005, 200),
    count=st.integers(2, 10),
    noise=st.lists(st.floats(-0.4, 0.4), min_size=50, max_size=50),
)
def test_any_ratio_that_the_whole_past_shares_is_found_whatever_the_last_digits(factor, count, noise):
    assume(abs(factor - 1) > 6e-3)  # less than half a percent is no split
    digits = 1 + np.reshape(noise, (10, 5))[:count] * 1e-4
    offered = make_bars(12)
    offered.iloc[:count, :5] *= factor * digits
    found = compare_bars(make_bars(count), offered, splits=[1 / factor])
    assert found.reasons.tolist() == ["split"] * count
    assert found.restated
    assert found.factor == pytest.approx(factor, rel=1e-4)
    assert found.is_unit_mixup == (not 1 / 50 < found.factor < 50)


def test_a_split_may_be_restated_in_one_half_of_the_overlap_and_not_in_the_other():
    offered = multiply(make_bars(), 0.25, rows=range(5))
    found = compare_bars(make_bars(), offered, splits=[4.0])
    assert_same(found.changed, offered.iloc[:5])
    assert found.reasons.tolist() == ["split"] * 5
    assert (found.restated, found.factor) == (True, 0.25)


def test_two_splits_at_once_are_splits_in_either_half():
    offered = multiply(multiply(make_bars(), 0.5), 0.5, rows=range(5))
    assert compare_bars(make_bars(), offered, splits=[2.0, 2.0]).reasons.tolist() == ["split"] * 10


@pytest.mark.parametrize("ex_date", [2, 5, 10])
def test_a_dividend_changes_only_the_adjusted_closes_before_its_date(ex_date):
    offered = multiply(make_bars(12), 0.99, rows=range(ex_date), columns=["adj_close"])
    found = compare_bars(make_bars(), offered)
    assert_same(found.changed, offered.iloc[:ex_date])
    assert found.reasons.tolist() == ["dividend"] * ex_date  # the newest stored bar, the tenth, among them
    assert (found.restated, found.factor) == (True, 1.0)


def test_a_bar_that_is_corrected_in_the_night_of_a_dividend_was_restated_by_it_too():
    offered = multiply(make_bars(), 0.99, columns=["adj_close"])
    offered.loc[SESSIONS[4], "high"] += 1
    found = compare_bars(make_bars(), offered)
    assert found.reasons.tolist() == ["dividend"] * 10
    assert found.restated


@pytest.mark.parametrize("ex_date", [4, 10])
def test_a_split_and_a_dividend_at_once_are_a_split_in_its_own_ratio(ex_date):
    offered = multiply(make_bars(), 0.25)
    offered = multiply(offered, 0.97, rows=range(ex_date), columns=["adj_close"])
    found = compare_bars(make_bars(), offered, splits=[4.0])
    assert_same(found.changed, offered)
    assert found.reasons.tolist() == ["split"] * 10
    assert (found.restated, found.factor) == (True, 0.25)


def test_a_bar_that_is_corrected_while_a_split_is_restated_is_taken_and_hides_no_split():
    offered = multiply(make_bars(), 0.25)
    offered.loc[SESSIONS[4], "close"] *= 1.01
    found = compare_bars(make_bars(), offered, splits=[4.0])
    assert_same(found.changed, offered)
    assert found.reasons.drop(SESSIONS[4]).tolist() == ["split"] * 9
    assert (found.restated, found.factor) == (True, 0.25)


def test_the_ratio_of_a_split_is_that_of_most_bars():
    offered = multiply(multiply(make_bars(), 0.25), 2.0, rows=[0])
    found = compare_bars(make_bars(), offered, splits=[4.0])
    assert found.reasons.tolist() == ["correction"] + ["split"] * 9
    assert found.factor == 0.25


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_a_whole_past_in_other_units_is_a_unit_mixup(factor):
    found = compare_bars(make_bars(), multiply(make_bars(), factor))
    assert found.is_unit_mixup
    assert found.restated
    assert found.factor == pytest.approx(factor, rel=1e-12)


def test_one_bar_in_other_units_is_no_unit_mixup():
    found = compare_bars(make_bars(), multiply(make_bars(), 100.0, rows=[4]))
    assert (found.is_unit_mixup, found.restated) == (False, False)


@pytest.mark.parametrize(
    ("factor", "mixup"),
    [(0.01, True), (0.02, True), (0.021, False), (0.1, False), (1.0, False), (49.9, False), (50.0, True)],
)
def test_a_ratio_of_fifty_or_more_either_way_is_a_unit_mixup(factor, mixup):
    assert compare_bars(make_bars(), multiply(make_bars(), factor)).is_unit_mixup == mixup


def test_two_stored_bars_in_other_units_that_are_put_right_are_no_unit_mixup():
    stored = multiply(make_bars(), 100.0, rows=[4, 5])
    found = compare_bars(stored, make_bars())
    assert (found.is_unit_mixup, found.restated) == (False, True)


@pytest.mark.parametrize(
    ("factor", "columns", "reason", "restated"),
    [
        (0.25, PRICES, "split", True),
        (0.99, ["adj_close"], "dividend", True),
        (1.01, ["high"], "late_bar", True),  # no second bar says whether the rest has changed too
        (1.01, ["volume"], "late_bar", False),
    ],
)
def test_one_common_bar_speaks_for_those_that_were_not_offered(factor, columns, reason, restated):
    offered = multiply(make_bars(12), factor, columns=columns).iloc[9:]
    found = compare_bars(make_bars(10), offered, splits=[4.0])
    assert_same(found.changed, offered.iloc[:1])
    assert (found.reasons.tolist(), found.restated) == ([reason], restated)
    assert found.factor == (0.25 if reason == "split" else 1.0)


def test_volumes_that_change_on_many_sessions_restate_no_price():
    found = compare_bars(make_bars(), multiply(make_bars(), 4.0, columns=["volume"]))
    assert found.reasons.tolist() == ["correction"] * 9 + ["late_bar"]
    assert (found.restated, found.factor) == (False, 1.0)


def test_one_changed_price_among_many_changed_volumes_restates_nothing():
    offered = multiply(make_bars(), 4.0, columns=["volume"])
    offered.loc[SESSIONS[4], "low"] -= 1
    assert not compare_bars(make_bars(), offered).restated


def test_two_bars_with_changed_prices_are_enough_to_ask_for_the_others():
    offered = make_bars()
    offered.loc[SESSIONS[[2, 7]], "low"] -= [1.0, 3.0]
    found = compare_bars(make_bars(), offered)
    assert (found.restated, found.reasons.tolist()) == (True, ["correction"] * 2)
