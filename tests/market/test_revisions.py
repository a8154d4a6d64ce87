"""What a new download says about bars that are stored already, one by one."""

import numpy as np
import pandas as pd
import pytest
from compared_bars import (
    COLUMNS,
    NAN,
    OHLC,
    PRICES,
    SESSIONS,
    TOLERANCES,
    apply,
    assert_nothing_changed,
    assert_same,
    make_bars,
    multiply,
)
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.market.revisions import compare_bars


def test_the_same_bars_change_nothing():
    found = compare_bars(make_bars(), make_bars())
    assert_nothing_changed(found)
    assert found.new.empty


def test_bars_that_are_not_stored_are_new_also_those_before_and_between():
    offered = make_bars(12)
    stored = offered.iloc[[2, 3, 5]]
    found = compare_bars(stored, offered)
    assert_same(found.new, offered.drop(stored.index))
    assert_nothing_changed(found)


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_sessions_are_the_same_whatever_the_unit_of_their_index(unit):
    stored = make_bars()
    stored.index = stored.index.as_unit(unit)
    offered = multiply(make_bars(12), 1.01, rows=[4, 9], columns=["volume"])
    found = compare_bars(stored, offered)
    assert found.new.index.tolist() == [*SESSIONS[10:]]
    assert found.reasons.to_dict() == {SESSIONS[4]: "correction", SESSIONS[9]: "late_bar"}


def test_stored_bars_that_are_not_offered_are_left_alone():
    found = compare_bars(make_bars(10), make_bars(12).iloc[6:])
    assert_same(found.new, make_bars(12).iloc[10:])
    assert_nothing_changed(found)


@pytest.mark.parametrize("sign", [1, -1])
def test_noise_within_the_tolerance_changes_nothing(sign):
    noisy = make_bars() * (1 + sign * 0.99 * TOLERANCES)
    assert_nothing_changed(compare_bars(make_bars(), noisy))


@given(st.lists(st.floats(-0.99, 0.99), min_size=60, max_size=60))
def test_no_noise_within_the_tolerance_changes_anything(noise):
    noisy = make_bars() * (1 + np.reshape(noise, (10, 6)) * TOLERANCES)
    assert_nothing_changed(compare_bars(make_bars(), noisy))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(("row", "reason"), [(0, "correction"), (4, "correction"), (9, "late_bar")])
def test_one_value_beyond_its_tolerance_is_a_correction_or_the_newest_bar_coming_late(column, sign, row, reason):
    change = 1 + sign * 1.01 * TOLERANCES[COLUMNS.index(column)]
    offered = multiply(make_bars(), change, rows=[row], columns=[column])
    found = compare_bars(make_bars(), offered)
    assert_same(found.changed, offered.iloc[[row]])
    assert found.reasons.to_dict() == {SESSIONS[row]: reason}
    assert (found.restated, found.factor) == (False, 1.0)
    assert found.new.empty


def test_the_newest_bar_is_the_newest_stored_one_whatever_is_offered_after_it():
    offered = multiply(make_bars(12), 1.01, rows=[8, 9, 11], columns=["volume"])
    found = compare_bars(make_bars(10), offered)
    assert found.reasons.tolist() == ["correction", "late_bar"]
    assert_same(found.new, offered.iloc[10:])


def test_a_correction_of_the_newest_bar_offered_is_no_late_bar_where_later_ones_are_stored():
    offered = multiply(make_bars(5), 1.01, rows=[4], columns=["volume"])
    assert compare_bars(make_bars(10), offered).reasons.tolist() == ["correction"]


def test_a_bar_with_all_four_prices_changed_is_no_split_on_its_own():
    found = compare_bars(make_bars(), multiply(make_bars(), 0.25, rows=[4]))
    assert found.reasons.tolist() == ["correction"]
    assert (found.restated, found.factor) == (False, 1.0)


def test_a_missing_adj_close_or_volume_says_nothing_about_the_stored_one():
    offered = make_bars().assign(adj_close=NAN, volume=NAN)
    assert_nothing_changed(compare_bars(make_bars(), offered))
    offered.loc[SESSIONS[4], "close"] = 103.0
    found = compare_bars(make_bars(), offered)
    assert found.changed.to_numpy().tolist() == [[103.5, 105.0, 102.0, 103.0, 104 * 0.98, 104e4]]
    assert found.reasons.tolist() == ["correction"]


def test_a_value_that_was_missing_and_comes_is_a_change_and_one_that_stays_missing_is_none():
    stored = make_bars().assign(adj_close=NAN, volume=NAN)
    assert_nothing_changed(compare_bars(stored, stored))
    offered = stored.copy()
    offered.loc[SESSIONS[4], "volume"] = 5.0
    found = compare_bars(stored, offered)
    assert_same(found.changed, offered.iloc[[4]])
    assert (found.reasons.tolist(), found.restated) == (["correction"], False)


@pytest.mark.parametrize(("old", "new", "changes"), [(0.0, 0.0, 0), (0.0, 1.0, 1), (1.0, 0.0, 1)])
def test_a_volume_of_zero_has_no_tolerance(old, new, changes):
    found = compare_bars(make_bars().assign(volume=old), make_bars().assign(volume=new))
    assert len(found.changed) == 10 * changes


def test_with_nothing_stored_everything_is_new():
    found = compare_bars(make_bars(0), make_bars())
    assert_same(found.new, make_bars())
    assert_nothing_changed(found)


def test_an_empty_offer_changes_nothing():
    for stored in (make_bars(), make_bars(0)):
        found = compare_bars(stored, make_bars(0))
        assert found.new.empty
        assert_nothing_changed(found)


def test_without_a_common_session_everything_is_new():
    offered = multiply(make_bars(12).iloc[6:], 0.25)
    found = compare_bars(make_bars(6), offered)
    assert_same(found.new, offered)
    assert_nothing_changed(found)


def test_one_common_bar_that_agrees_is_no_change():
    assert_nothing_changed(compare_bars(make_bars(10), make_bars(12).iloc[9:]))


def test_neither_table_is_changed_by_the_comparison():
    stored, offered = make_bars(), multiply(make_bars(12), 0.25).assign(volume=NAN)
    kept = stored.copy(), offered.copy()
    compare_bars(stored, offered)
    assert_same(stored, kept[0])
    assert_same(offered, kept[1])


PRICE = st.floats(0.5, 500)
MAYBE = PRICE | st.just(NAN)
BAR = st.tuples(*[PRICE] * 4, MAYBE, MAYBE)
CHANGE = st.sampled_from([1.0, 1 + 5e-5, 1 - 5e-5, 1.001, 0.25, 100.0])


@st.composite
def two_tables(draw):
    """Stored and offered bars; where both have a session, the offer is the stored bar with changes."""
    stored, offered = {}, {}
    for session in SESSIONS[:6]:
        bar = draw(BAR)
        where = draw(st.sampled_from(["both", "both", "stored", "offered", "neither"]))
        if where in {"both", "stored"}:
            stored[session] = bar
        if where in {"both", "offered"}:
            every = draw(CHANGE)
            given_bar = [value * every * draw(CHANGE | st.just(1.0)) for value in bar]
            lacking = draw(st.tuples(st.booleans(), st.booleans()))
            given_bar[4:] = [NAN if lacks else value for value, lacks in zip(given_bar[4:], lacking, strict=True)]
            offered[session] = given_bar
    return [
        pd.DataFrame(
            list(bars.values()),
            index=pd.DatetimeIndex(list(bars), name="session").as_unit("ns"),
            columns=COLUMNS,
            dtype="float64",
        )
        for bars in (stored, offered)
    ]


@given(two_tables())
def test_every_offered_session_is_new_or_changed_or_the_same(tables):
    stored, offered = tables
    found = compare_bars(stored, offered)
    new, changed = set(found.new.index), set(found.changed.index)
    same = set(offered.index) - new - changed
    assert new == set(offered.index) - set(stored.index)
    assert changed <= set(stored.index) & set(offered.index)
    assert found.reasons.index.tolist() == found.changed.index.tolist() == sorted(changed)
    told = offered.where(offered.notna(), stored)
    agrees = pd.DataFrame(np.isclose(told, stored.reindex(told.index), rtol=TOLERANCES, atol=0), told.index)
    agrees |= told.isna().to_numpy() & stored.reindex(told.index).isna().to_numpy()
    assert agrees.loc[sorted(same)].all(axis=None)
    assert not agrees.loc[sorted(changed)].all(axis=1).any()


@given(two_tables())
def test_a_store_that_takes_what_is_new_and_changed_holds_the_offer_and_wants_nothing_more(tables):
    stored, offered = tables
    held = apply(stored, compare_bars(stored, offered))
    there = offered.notna().to_numpy()
    close = np.isclose(offered, held.loc[offered.index], rtol=TOLERANCES, atol=0)
    assert close[there].all()
    assert held.index.equals(stored.index.union(offered.index))
    untouched = stored.index.difference(offered.index)
    assert_same(held.loc[untouched], stored.loc[untouched])
    lacking = (offered.isna() & stored.reindex(offered.index).notna()).to_numpy()
    assert (held.loc[offered.index].to_numpy()[lacking] == stored.reindex(offered.index).to_numpy()[lacking]).all()
    again = compare_bars(held, offered)
    assert again.new.empty
    assert_nothing_changed(again)


@given(two_tables())
@pytest.mark.exhaustive
def test_the_prices_are_restated_only_where_a_price_changed(tables):
    stored, offered = tables
    found = compare_bars(stored, offered)
    told, before = found.changed[PRICES], stored.loc[found.changed.index, PRICES]
    repriced = ~(np.isclose(told, before, rtol=1e-4, atol=0, equal_nan=True)).all(axis=1)
    common = len(offered.index.intersection(stored.index))
    assert found.restated == (repriced.sum() >= 2 or (common == 1 and repriced.sum() == 1))
    assert not (found.reasons == "split").any()  # none is known
    found = compare_bars(stored, offered, splits=[found.factor] if found.factor != 1 else [])
    by_split = found.reasons.to_numpy() == "split"
    ratios = found.changed.loc[by_split, OHLC] / stored.loc[found.changed.index[by_split], OHLC]
    if by_split.any():
        # those that made it a split share the ratio; one that was corrected as well came near it
        sharing = np.isclose(ratios, found.factor, rtol=5e-4, atol=0).all(axis=1)
        assert sharing.sum() >= min(2, common)
        distance = np.abs(np.log(ratios["close"] / found.factor))
        assert (distance <= abs(np.log(found.factor)) / 2 + 1e-3).all()
    assert by_split.any() == (found.factor != 1)
