"""What may be called a split when a past is restated: only what one explains."""

import numpy as np
import pytest
from compared_bars import make_bars, multiply
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.market.revisions import compare_bars
from stockrnn.market.split_ratios import are_known_splits, is_usual_split

OHLC = ["open", "high", "low", "close"]


def adjust(factors, count=10):
    """Bars as an export of adjusted prices has them: open to close scaled by dividends, no adj_close."""
    bars = make_bars(count).assign(adj_close=float("nan"))
    bars[OHLC] *= np.reshape(factors, (count, 1))
    return bars


@pytest.mark.parametrize("all_known", [True, False])
@pytest.mark.parametrize("splits", [(), (4.0, 7.0)])
def test_prices_adjusted_for_dividends_followed_by_those_traded_are_corrected_and_no_split(splits, all_known):
    stored = adjust([0.97] * 3 + [0.98] * 3 + [0.99] * 4)  # two dividends between, one after: the newest moves too
    found = compare_bars(stored, make_bars(), splits=splits, all_known=all_known)
    assert found.reasons.tolist() == ["correction"] * 10
    assert found.restated
    assert not found.is_unit_mixup
    back = compare_bars(make_bars(), stored, splits=splits, all_known=all_known)
    assert back.reasons.tolist() == ["correction"] * 10


def test_dividends_that_halved_the_oldest_prices_make_no_split_even_where_none_is_known():
    stored = adjust([0.5] * 4 + [0.75] * 6)
    assert compare_bars(stored, make_bars(), all_known=False).reasons.tolist() == ["correction"] * 10


@pytest.mark.parametrize(("splits", "reason"), [([2.0, 3.0], "split"), ([6.0], "split"), ([2.0], "correction")])
def test_several_known_splits_explain_their_product(splits, reason):
    found = compare_bars(make_bars(), multiply(make_bars(), 1 / 6), splits=splits)
    assert found.reasons.tolist() == [reason] * 10
    assert found.factor == pytest.approx(1 / 6)


def test_splits_that_do_not_follow_each_other_explain_nothing_together():
    found = compare_bars(make_bars(), multiply(make_bars(), 1 / 10), splits=[2.0, 3.0, 5.0])
    assert set(found.reasons) == {"correction"}


def test_of_two_ratios_only_the_one_that_is_explained_is_a_split():
    offered = multiply(multiply(make_bars(), 0.25), 1.03, rows=range(4))
    found = compare_bars(make_bars(), offered, splits=[4.0])
    # those four came near the split, and were corrected with it
    assert found.reasons.tolist() == ["split"] * 10
    offered = multiply(make_bars(), 0.25, rows=range(6, 10))
    offered = multiply(offered, 1.03, rows=range(6))
    assert compare_bars(make_bars(), offered, splits=[4.0]).reasons.tolist() == ["correction"] * 6 + ["split"] * 4


@pytest.mark.parametrize(
    ("factor", "changed", "reason"),
    [
        (0.25, 10, "split"),
        (10.0, 10, "split"),
        (1 / 1.5, 9, "split"),
        (0.25, 8, "correction"),  # a fifth of the past did not change: part of it would be in other shares
        (0.26, 10, "correction"),
        (0.01, 10, "correction"),  # rather another unit
    ],
)
def test_a_file_restated_by_a_usual_ratio_is_a_split_where_no_actions_are_known(factor, changed, reason):
    offered = multiply(make_bars(), factor, rows=range(changed))
    found = compare_bars(make_bars(), offered, all_known=False)
    assert found.reasons.tolist() == [reason] * changed
    assert set(compare_bars(make_bars(), offered).reasons) == {"correction"}  # a source would have told of it


@given(st.lists(st.floats(0.3, 0.999), min_size=1, max_size=4), st.booleans())
def test_whatever_the_dividends_no_source_without_splits_restates_by_one(steps, backwards):
    factors = np.repeat(np.cumprod(steps)[::-1], 3)
    adjusted, traded = adjust(factors, len(factors)), make_bars(len(factors))
    stored, offered = (traded, adjusted) if backwards else (adjusted, traded)
    assert "split" not in set(compare_bars(stored, offered).reasons)


@given(st.lists(st.sampled_from([2.0, 3.0, 1.5, 20.0, 0.1, 1.046]), min_size=1, max_size=5), st.data())
def test_any_run_of_known_splits_is_known_either_way(splits, data):
    first = data.draw(st.integers(0, len(splits) - 1))
    end = data.draw(st.integers(first + 1, len(splits)))
    product = np.prod(splits[first:end])
    assert are_known_splits(np.array([product, 1 / product]), splits).all()


def test_without_splits_nothing_is_known_and_no_number_is_too_odd():
    odd = np.array([0.0, np.inf, np.nan, 1e-300, 1.0])
    assert not are_known_splits(odd, []).any()
    assert not are_known_splits(odd, [4.0]).any()
    assert [is_usual_split(value) for value in odd] == [False] * 5
