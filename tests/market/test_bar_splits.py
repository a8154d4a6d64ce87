"""Bars after a split that those before it do not know yet."""

from datetime import date

import pytest
from daily_bars import CLOSES, LATER, MOVES, NAN, SESSIONS, days, look, make_flat, make_path
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.market.bars import check_bars


@pytest.mark.parametrize("ratio", [4.0, 2.0, 1.5, 20.0, 0.1, 2 / 3])
def test_rows_from_a_split_on_are_quarantined_while_those_before_it_are_not_restated(ratio):
    rows, splits = make_flat(*[100] * 10, *[100 / ratio] * 3), {SESSIONS[10].date(): ratio}
    quarantined = [(day, "split_not_applied") for day in days(10, 11, 12)]
    assert look(rows, splits=splits) == ([100.0] * 10, quarantined)
    (issue, *_) = check_bars(rows, closes=CLOSES, as_of=LATER, splits=splits).issues
    assert issue.detail == "a split took place, but the prices before it are not restated yet"
    assert issue.raw["close"] == 100 / ratio


@pytest.mark.parametrize("ratio", [4.0, 1.5, 0.1])
def test_rows_around_a_split_that_the_past_knows_are_good(ratio):
    assert look(make_flat(*[100] * 13), splits={SESSIONS[10].date(): ratio}) == ([100.0] * 13, [])


@pytest.mark.parametrize("ratio", [1.0, 1.05, 1 / 1.05, 1.39])
def test_a_split_too_small_to_tell_from_a_days_move_quarantines_nothing(ratio):
    closes = [100.0] * 10 + [100 / ratio] * 3
    assert look(make_flat(*closes), splits={SESSIONS[10].date(): ratio}) == (closes, [])


@pytest.mark.parametrize(("after", "quarantined"), [(1, 1), (10, 10), (11, 0)])
def test_a_fall_on_the_day_of_a_split_more_than_ten_rows_ago_was_a_real_one(after, quarantined):
    rows = make_flat(*[100] * 10, *[25] * after)
    _, found = look(rows, splits={SESSIONS[10].date(): 4.0})
    assert found == [(day, "split_not_applied") for day in days(*range(10, 10 + quarantined))]


@pytest.mark.parametrize("ex_date", [date(2019, 12, 2), SESSIONS[0].date(), SESSIONS[13].date(), date(2024, 1, 2)])
def test_a_split_without_rows_on_both_sides_quarantines_nothing(ex_date):
    closes = [100.0] * 10 + [25.0] * 3
    assert look(make_flat(*closes), splits={ex_date: 4.0}) == (closes, [])


def test_a_split_whose_first_session_has_no_row_counts_from_the_next_one_on():
    rows = make_flat(*[100] * 13, *[25] * 2)
    holiday = date(2020, 1, 20)
    assert SESSIONS[11].day < holiday.day < SESSIONS[12].day
    rows = rows.drop(index=12)  # the session after it
    assert look(rows, splits={holiday: 4.0}) == ([100.0] * 12, [(day, "split_not_applied") for day in days(13, 14)])


@pytest.mark.parametrize(
    ("closes", "first"),
    [
        ([100, 100, 50, 50, 25, 25], 2),  # neither is known
        ([50, 50, 50, 50, 25, 25], 4),  # the second is not
        ([50, 50, 25, 25, 25, 25], 2),  # the first is not
    ],
)
def test_of_two_splits_the_first_that_is_not_known_counts(closes, first):
    splits = {SESSIONS[4].date(): 2.0, SESSIONS[2].date(): 2.0}
    kept, quarantined = look(make_flat(*closes), splits=splits)
    assert kept == closes[:first]
    assert quarantined == [(day, "split_not_applied") for day in days(*range(first, 6))]


def test_a_row_with_a_fault_of_its_own_keeps_its_reason_and_says_nothing_about_a_split():
    rows = make_flat(100, 100, 100, 25, 25, 25)
    rows.loc[2, "close"] = rows.loc[3, "close"] = NAN
    found = [(days(2)[0], "missing_price"), (days(3)[0], "missing_price")]
    found += [(day, "split_not_applied") for day in days(4, 5)]
    assert look(rows, splits={SESSIONS[3].date(): 4.0}) == ([100.0, 100.0], found)


@pytest.mark.parametrize(
    ("before", "kept", "quarantined"), [([30.0, 30.0, 100.0], 3, []), ([100.0, 100.0, 9000.0], 2, ["jump"])]
)
def test_a_split_is_looked_for_between_the_last_good_row_before_it_and_the_first_after_it(before, kept, quarantined):
    found = look(make_flat(*before, 25, 25), splits={SESSIONS[3].date(): 4.0})
    kinds = [*quarantined, "split_not_applied", "split_not_applied"]
    assert found == (before[:kept], list(zip(days(*range(kept, 5)), kinds, strict=True)))


@given(MOVES, st.floats(1.5, 30), st.booleans())
def test_a_split_is_known_by_its_ratio_whatever_else_the_price_does(moves, size, more):
    ratio = size if more else 1 / size
    splits, closes = {SESSIONS[10].date(): ratio}, make_path(moves)
    assert look(make_flat(*closes), splits=splits)[1] == []
    closes[10:] /= ratio
    quarantined = [(day, "split_not_applied") for day in days(*range(10, len(moves)))]
    assert look(make_flat(*closes), splits=splits) == (closes[:10].tolist(), quarantined)
