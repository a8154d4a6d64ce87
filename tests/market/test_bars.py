"""Which daily bars can be trusted by themselves: sessions, prices, volumes."""

import json
from datetime import UTC, date, datetime, timedelta
from time import process_time

import numpy as np
import pandas as pd
import pytest
from daily_bars import CLOSES, GOOD, LATER, NAN, SESSIONS, make_rows
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.market.bars import check_bars
from stockrnn.types import BAR_COLUMNS

INF = float("inf")
PRICE = st.floats(-1, 20) | st.sampled_from([NAN, INF, 0.0])


def check_one(**changes):
    """The only issue of a bar that differs from `GOOD`, or None."""
    bars = check_bars(make_rows(changes), closes=CLOSES, as_of=LATER)
    assert len(bars.frame) + len(bars.issues) == 1
    return bars.issues[0] if bars.issues else None


def test_good_rows_become_the_frame_and_nothing_is_quarantined():
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
def test_a_bad_row_is_quarantined_with_its_reason_and_numbers(changes, kind, detail):
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


@given(st.lists(st.tuples(*[PRICE] * 6), max_size=len(SESSIONS)))
def test_every_row_is_in_the_frame_or_quarantined_and_the_frame_is_sound(values):
    rows = make_rows(*[dict(zip(BAR_COLUMNS, bar, strict=True)) for bar in values])
    bars = check_bars(rows, closes=CLOSES, as_of=LATER)
    quarantined = {pd.Timestamp(issue.session) for issue in bars.issues}
    assert quarantined.isdisjoint(bars.frame.index)
    assert quarantined.union(bars.frame.index) == set(rows["session"])
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
