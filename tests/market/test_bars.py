import json
from datetime import UTC, date, datetime, timedelta
from time import process_time

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stockrnn.market.bars import check_bars, find_gaps
from stockrnn.types import BAR_COLUMNS

NAN, INF = float("nan"), float("inf")
# January 2020 in New York: 21 sessions, none on the 1st and the 20th
SESSIONS = pd.bdate_range("2020-01-02", "2020-01-31", name="session").drop("2020-01-20").as_unit("ns")
CLOSES = pd.Series((SESSIONS + pd.Timedelta(hours=21)).tz_localize("UTC"), index=SESSIONS, name="closes")
LATER = datetime(2021, 1, 1, tzinfo=UTC)
GOOD = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "adj_close": 10.5, "volume": 1000.0}


def make_rows(*bars):
    """One row for each bar, a changed `GOOD`; without a session, they get consecutive ones."""
    rows = [{"session": SESSIONS[i], **GOOD, **bar} for i, bar in enumerate(bars)]
    frame = pd.DataFrame(rows, columns=["session", *BAR_COLUMNS])
    return frame.astype("float64", errors="ignore").assign(session=pd.to_datetime(frame["session"]))


def check_one(**changes):
    """The only issue of a bar that differs from `GOOD`, or None."""
    bars = check_bars(make_rows(changes), closes=CLOSES, as_of=LATER)
    assert len(bars.frame) + len(bars.issues) == 1
    return bars.issues[0] if bars.issues else None


def test_good_rows_become_the_frame_and_nothing_is_kept_aside():
    bars = check_bars(make_rows({}, {"close": 9.5}), closes=CLOSES, as_of=LATER)
    expected = pd.DataFrame([GOOD, {**GOOD, "close": 9.5}], index=SESSIONS[:2].rename("session"))
    pd.testing.assert_frame_equal(bars.frame, expected, check_freq=False)
    assert list(bars.frame.columns) == list(BAR_COLUMNS)
    assert bars.issues == ()


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_the_frame_has_the_calendars_index_whatever_the_unit_of_the_rows(unit):
    rows = make_rows({}, {}, {})
    bars = check_bars(rows.assign(session=rows["session"].dt.as_unit(unit)), closes=CLOSES, as_of=LATER)
    pd.testing.assert_index_equal(bars.frame.index, SESSIONS[:3], check_exact=True)


def test_rows_in_any_order_give_an_ascending_frame_and_ascending_issues():
    rows = make_rows({}, {"open": NAN}, {}, {"open": NAN})
    bars = check_bars(rows[::-1].reset_index(drop=True), closes=CLOSES, as_of=LATER)
    assert list(bars.frame.index) == [SESSIONS[0], SESSIONS[2]]
    assert [issue.session for issue in bars.issues] == [SESSIONS[1].date(), SESSIONS[3].date()]


def test_no_rows_give_an_empty_frame():
    bars = check_bars(make_rows(), closes=CLOSES, as_of=LATER)
    assert bars.frame.shape == (0, 6)
    assert bars.issues == ()


@pytest.mark.parametrize(
    ("changes", "kind", "detail"),
    [
        ({"session": "2020-01-04"}, "not_a_session", "the exchange has no session on Saturday 2020-01-04"),
        ({"session": "2020-01-20"}, "not_a_session", "the exchange has no session on Monday 2020-01-20"),
        ({"session": "1020-01-02"}, "not_a_session", "the exchange has no session on Sunday 1020-01-02"),
        ({"session": "2202-01-04"}, "not_a_session", "the exchange has no session on Monday 2202-01-04"),
        ({"open": NAN, "close": NAN}, "missing_price", "open is missing, close is missing"),
        ({"high": INF}, "missing_price", "high is inf"),
        ({"volume": INF}, "missing_price", "volume is inf"),
        ({"low": 0.0}, "non_positive_price", "low is 0.0"),
        ({"open": -1.5, "low": -2.0}, "non_positive_price", "open is -1.5, low is -2.0"),
        ({"adj_close": 0.0}, "non_positive_price", "adj_close is 0.0"),
        ({"high": 10.5}, "high_low_contradiction", "high 10.5 is below close 11.0"),
        ({"low": 10.25}, "high_low_contradiction", "low 10.25 is above open 10.0"),
        (
            {"high": 8.0},
            "high_low_contradiction",
            "high 8.0 is below open 10.0, high 8.0 is below low 9.0, high 8.0 is below close 11.0",
        ),
        ({"volume": -5.0}, "negative_volume", "volume is -5.0"),
    ],
)
def test_a_bad_row_is_kept_aside_with_its_reason_and_numbers(changes, kind, detail):
    issue = check_one(**changes)
    assert (issue.kind, issue.detail) == (kind, detail)
    assert issue.session == date.fromisoformat(changes.get("session", "2020-01-02"))


def test_a_session_counts_from_its_close_on():
    rows = make_rows({}, {})
    before = check_bars(rows, closes=CLOSES, as_of=datetime(2020, 1, 3, 20, 59, 59, tzinfo=UTC))
    (issue,) = before.issues
    assert (issue.kind, issue.session) == ("session_not_settled", date(2020, 1, 3))
    assert (
        issue.detail
        == "the session closes at 2020-01-03 21:00 UTC, and only what closed by 2020-01-03 20:59 UTC is settled"
    )
    assert list(before.frame.index) == [SESSIONS[0]]
    assert check_bars(rows, closes=CLOSES, as_of=datetime(2020, 1, 3, 21, tzinfo=UTC)).issues == ()


@pytest.mark.parametrize("column", ["adj_close", "volume"])
def test_adj_close_and_volume_may_be_missing(column):
    bars = check_bars(make_rows({column: NAN}), closes=CLOSES, as_of=LATER)
    assert bars.issues == ()
    assert np.isnan(bars.frame[column].iloc[0])


def test_a_volume_of_zero_is_no_issue():
    assert check_one(volume=0.0) is None


@pytest.mark.parametrize("changes", [{"high": 11.0 * (1 - 5e-7)}, {"low": 10.0 * (1 + 5e-7)}])
def test_a_contradiction_within_float_noise_is_no_issue(changes):
    assert check_one(**changes) is None


@pytest.mark.parametrize("changes", [{"high": 11.0 * (1 - 2e-6)}, {"low": 10.0 * (1 + 2e-6)}])
def test_a_contradiction_beyond_float_noise_is_an_issue(changes):
    assert check_one(**changes).kind == "high_low_contradiction"


def test_the_first_reason_counts():
    changes = [
        {"volume": -1.0},
        {"high": 1.0},
        {"low": -1.0},
        {"open": NAN},
        {"session": pd.Timestamp("2020-01-31")},
        {"session": pd.Timestamp("2020-02-01")},
    ]
    rows = [{k: v for change in changes[: i + 1] for k, v in change.items()} for i in range(len(changes))]
    bars = check_bars(make_rows(*rows), closes=CLOSES, as_of=datetime(2020, 1, 30, tzinfo=UTC))
    assert [issue.kind for issue in bars.issues] == [
        "negative_volume",
        "high_low_contradiction",
        "non_positive_price",
        "missing_price",
        "session_not_settled",
        "not_a_session",
    ]


def test_raw_is_the_row_in_json_with_null_for_what_is_no_number():
    issue = check_one(open=NAN, high=INF)
    assert json.loads(json.dumps(issue.raw, allow_nan=False)) == {
        "session": "2020-01-02",
        "open": None,
        "high": None,
        "low": 9.0,
        "close": 11.0,
        "adj_close": 10.5,
        "volume": 1000.0,
    }


PRICE = st.floats(-1, 20) | st.sampled_from([NAN, INF, 0.0])


@given(st.lists(st.tuples(*[PRICE] * 6), max_size=len(SESSIONS)))
def test_every_row_is_in_the_frame_or_kept_aside_and_the_frame_is_sound(values):
    rows = make_rows(*[dict(zip(BAR_COLUMNS, bar, strict=True)) for bar in values])
    bars = check_bars(rows, closes=CLOSES, as_of=LATER)
    aside = {pd.Timestamp(issue.session) for issue in bars.issues}
    assert aside.isdisjoint(bars.frame.index)
    assert aside.union(bars.frame.index) == set(rows["session"])
    frame = bars.frame
    assert np.isfinite(frame[["open", "high", "low", "close"]].to_numpy()).all()
    assert not (frame[list(BAR_COLUMNS[:5])] <= 0).any(axis=None)
    assert (frame["high"] * (1 + 2e-6) >= frame[["open", "low", "close"]].max(axis=1)).all()
    assert (frame["low"] <= frame[["open", "close"]].min(axis=1) * (1 + 2e-6)).all()
    assert not (frame["volume"] < 0).any()


def test_checking_1_4_million_bars_takes_seconds():
    sessions = pd.bdate_range("2000-01-03", periods=6500).as_unit("ns")
    closes = pd.Series((sessions + pd.Timedelta(hours=21)).tz_localize("UTC"), index=sessions)
    rows = pd.DataFrame({"session": sessions, **GOOD})
    started = process_time()
    for _ in range(20):  # a share of 216 such tickers
        check_bars(rows, closes=closes, as_of=datetime(2030, 1, 1, tzinfo=UTC))
    assert process_time() - started < 20 * 0.03


def make_flat(*closes):
    """One row for each close, with all prices equal to it."""
    return make_rows(*[dict.fromkeys(BAR_COLUMNS[:5], float(close)) for close in closes])


def look(rows, **options):
    """The closes that can be trusted, and day and kind of each row quarantined."""
    bars = check_bars(rows, closes=CLOSES, as_of=LATER, **options)
    return bars.frame["close"].tolist(), [(issue.session.day, issue.kind) for issue in bars.issues]


def days(*positions):
    return [SESSIONS[position].day for position in positions]


def test_a_session_settles_some_hours_after_its_close():
    rows, delayed = make_rows({}, {}), {"closes": CLOSES, "settle_hours": 4}
    settled = datetime(2020, 1, 4, 1, tzinfo=UTC)  # Friday's session closed at 21:00
    (issue,) = check_bars(rows, as_of=settled - timedelta(seconds=1), **delayed).issues
    assert (issue.kind, issue.session) == ("session_not_settled", date(2020, 1, 3))
    assert issue.detail.startswith("the session closes at 2020-01-03 21:00 UTC")
    assert check_bars(rows, as_of=settled, **delayed).issues == ()


@given(hours=st.floats(0, 100), seconds=st.integers(0, 30 * 86400))
def test_a_session_is_settled_once_it_has_been_closed_for_the_hours_asked(hours, seconds):
    as_of = datetime(2020, 1, 2, tzinfo=UTC) + timedelta(seconds=seconds)
    rows = make_rows(*[{}] * len(SESSIONS))
    frame = check_bars(rows, closes=CLOSES, as_of=as_of, settle_hours=hours).frame
    expected = [day for day, close in CLOSES.items() if close.to_pydatetime() + timedelta(hours=hours) <= as_of]
    assert frame.index.tolist() == expected


@pytest.mark.parametrize("ratio", [4.0, 2.0, 1.5, 20.0, 0.1, 2 / 3])
def test_rows_from_a_split_on_are_kept_aside_while_those_before_it_are_not_restated(ratio):
    rows, splits = make_flat(*[100] * 10, *[100 / ratio] * 3), {SESSIONS[10].date(): ratio}
    aside = [(day, "split_not_applied") for day in days(10, 11, 12)]
    assert look(rows, splits=splits) == ([100.0] * 10, aside)
    (issue, *_) = check_bars(rows, closes=CLOSES, as_of=LATER, splits=splits).issues
    assert issue.detail == "a split took place, but the prices before it are not restated yet"
    assert issue.raw["close"] == 100 / ratio


@pytest.mark.parametrize("ratio", [4.0, 1.5, 0.1])
def test_rows_around_a_split_that_the_past_knows_are_good(ratio):
    assert look(make_flat(*[100] * 13), splits={SESSIONS[10].date(): ratio}) == ([100.0] * 13, [])


@pytest.mark.parametrize("ratio", [1.0, 1.05, 1 / 1.05, 1.39])
def test_a_split_too_small_to_tell_from_a_days_move_keeps_nothing_aside(ratio):
    closes = [100.0] * 10 + [100 / ratio] * 3
    assert look(make_flat(*closes), splits={SESSIONS[10].date(): ratio}) == (closes, [])


@pytest.mark.parametrize(("after", "aside"), [(1, 1), (10, 10), (11, 0)])
def test_a_fall_on_the_day_of_a_split_more_than_ten_rows_ago_was_a_real_one(after, aside):
    rows = make_flat(*[100] * 10, *[25] * after)
    _, found = look(rows, splits={SESSIONS[10].date(): 4.0})
    assert found == [(day, "split_not_applied") for day in days(*range(10, 10 + aside))]


@pytest.mark.parametrize("ex_date", [date(2019, 12, 2), SESSIONS[0].date(), SESSIONS[13].date(), date(2024, 1, 2)])
def test_a_split_without_rows_on_both_sides_keeps_nothing_aside(ex_date):
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
    kept, aside = look(make_flat(*closes), splits=splits)
    assert kept == closes[:first]
    assert aside == [(day, "split_not_applied") for day in days(*range(first, 6))]


def test_a_row_with_a_fault_of_its_own_keeps_its_reason_and_says_nothing_about_a_split():
    rows = make_flat(100, 100, 100, 25, 25, 25)
    rows.loc[2, "close"] = rows.loc[3, "close"] = NAN
    found = [(days(2)[0], "missing_price"), (days(3)[0], "missing_price")]
    found += [(day, "split_not_applied") for day in days(4, 5)]
    assert look(rows, splits={SESSIONS[3].date(): 4.0}) == ([100.0, 100.0], found)


@pytest.mark.parametrize(
    ("before", "kept", "aside"), [([30.0, 30.0, 100.0], 3, []), ([100.0, 100.0, 9000.0], 2, ["jump"])]
)
def test_a_split_is_looked_for_between_the_last_good_row_before_it_and_the_first_after_it(before, kept, aside):
    found = look(make_flat(*before, 25, 25), splits={SESSIONS[3].date(): 4.0})
    kinds = [*aside, "split_not_applied", "split_not_applied"]
    assert found == (before[:kept], list(zip(days(*range(kept, 5)), kinds, strict=True)))


def make_path(moves):
    """Closes from 100 on by the relative move of each session."""
    return 100 * np.cumprod(1 + np.array(moves))


MOVES = st.lists(st.floats(-0.05, 0.05), min_size=11, max_size=20)


@given(MOVES, st.floats(1.5, 30), st.booleans())
def test_a_split_is_known_by_its_ratio_whatever_else_the_price_does(moves, size, more):
    ratio = size if more else 1 / size
    splits, closes = {SESSIONS[10].date(): ratio}, make_path(moves)
    assert look(make_flat(*closes), splits=splits)[1] == []
    closes[10:] /= ratio
    aside = [(day, "split_not_applied") for day in days(*range(10, len(moves)))]
    assert look(make_flat(*closes), splits=splits) == (closes[:10].tolist(), aside)


@pytest.mark.parametrize("factor", [100, 0.01, 1000])
@pytest.mark.parametrize("wrong", [[0], [6], [14], [5, 6, 7], [0, 1, 2, 3, 4], [12, 13, 14], [0, 7, 14]])
def test_rows_a_hundred_times_off_are_kept_aside_and_no_other(factor, wrong):
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
    kept, aside = look(make_rows(*bars))
    assert kept == [11.0] * 4
    assert aside == [(SESSIONS[position].day, "jump")]


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


def test_gaps_are_the_expected_sessions_that_are_not_known():
    gaps = find_gaps(SESSIONS[:4], SESSIONS[[0, 2, 9]])
    assert [(gap.session, gap.kind) for gap in gaps] == [
        (date(2020, 1, 3), "missing_session"),
        (date(2020, 1, 7), "missing_session"),
    ]
    assert gaps[0].detail == "the exchange was open and the source has no bar of the session"
    assert gaps[0].raw == {"session": "2020-01-03"}


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_sessions_are_known_whatever_their_unit_and_order(unit):
    assert find_gaps(SESSIONS, SESSIONS[::-1].as_unit(unit)) == ()


@pytest.mark.parametrize(
    ("expected", "known", "gaps"), [(SESSIONS[:0], SESSIONS, 0), (SESSIONS, SESSIONS[:0], 21), ([], [], 0)]
)
def test_nothing_expected_has_no_gap_and_nothing_known_is_all_gaps(expected, known, gaps):
    found = find_gaps(pd.DatetimeIndex(expected), pd.DatetimeIndex(known))
    assert [gap.session for gap in found] == [session.date() for session in SESSIONS[:gaps]]
