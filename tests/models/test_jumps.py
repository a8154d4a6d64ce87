"""Jumps that come back: found a quarter and a year later, to the day, and never before they happened."""

import numpy as np
import pandas as pd
import pytest

from stockrnn.models.jumps import JUMPS, find_jumps, size_jumps

SESSIONS = pd.bdate_range("2010-01-04", "2016-12-30", name="session")
FIRST = pd.Timestamp("2010-01-27")  # a Wednesday
REPORTS = pd.date_range(FIRST, "2016-12-30", freq="91D")


def make_measured(reports=REPORTS, *, volume=1.0, size=0.08, seed=0):
    """Small overnight moves, large ones on high volume where a company reports."""
    rng = np.random.default_rng(seed)
    measured = pd.DataFrame({"overnight": 0.003 * rng.standard_normal(len(SESSIONS)), "volume": 0.0}, index=SESSIONS)
    measured.loc[reports, "overnight"] = size
    measured.loc[reports, "volume"] = volume
    return measured


def size_of(measured):
    jumps = size_jumps(measured["overnight"].to_numpy(), measured["volume"].to_numpy())
    return pd.Series(jumps, index=measured.index)


def find(measured, session):
    """Return what is known of a session at the end of the one before it."""
    known = measured.loc[measured.index < session]
    days = (session - known.index[-1]).days
    (row,) = find_jumps(size_of(known), np.array([len(known) - 1]), np.array([days]))
    return dict(zip(JUMPS, row.tolist(), strict=True))


def test_a_report_is_expected_thirteen_weeks_after_the_last_ones():
    measured = make_measured()
    due, day_before, after = (find(measured, REPORTS[20] + pd.Timedelta(days=days)) for days in (0, -1, 1))
    jump = 2.5 * 1.0  # as large as a jump counts, times the volume
    assert due["quarterly_0"] == pytest.approx(jump / 0.1 - 1)
    assert day_before["quarterly_0"] == after["quarterly_0"] == -1.0
    assert [found["quarterly_1"] for found in (day_before, due, after)] == [pytest.approx(jump / 0.2 - 1)] * 3
    assert due["yearly_0"] == pytest.approx(jump / 0.15 - 1)
    assert due["due_0"] > 20 * 0.9
    assert after["recent_jump"] == pytest.approx(jump / 0.5 - 1)
    assert after["due_1"] < -0.98  # it has been


def test_a_report_that_moved_by_some_days_is_found_within_the_week():
    moved = make_measured(REPORTS[:-1].append(REPORTS[-1:] + pd.Timedelta(days=2)))
    late = find(moved, REPORTS[-1] + pd.Timedelta(days=2))
    assert late["quarterly_0"] == late["quarterly_1"] == -1.0
    assert late["quarterly_7"] == pytest.approx(2.5 / 0.4 - 1)


def test_the_mean_is_over_the_quarters_that_are_known():
    once = make_measured(REPORTS[2:3])
    # two quarters before it are known, too, without a jump
    found = [find(once, REPORTS[2 + later])["quarterly_0"] for later in (1, 2, 6, 8, 9)]
    jumps = [2.5 / known / 0.1 - 1 for known in (3, 4, 8, 8)]
    assert found == [*(pytest.approx(jump) for jump in jumps), -1.0]  # nine quarters ago no longer counts


@pytest.mark.parametrize("options", [{"volume": 0.0}, {"size": 0.001}, {"reports": REPORTS[:0]}], ids=str)
def test_without_volume_or_a_jump_nothing_is_expected(options):
    assert set(find(make_measured(**options), REPORTS[20]).values()) == {-1.0}


def test_later_sessions_change_nothing():
    rows, days = np.arange(300, 600), np.diff(SESSIONS[300:601]).astype("timedelta64[D]").astype(float)
    whole, cut = (find_jumps(size_of(known), rows, days) for known in (make_measured(), make_measured().iloc[:600]))
    assert (whole == cut).all()


def test_prices_that_never_move_give_numbers():
    still = make_measured(REPORTS[:0]).assign(overnight=0.0, volume=0.0)
    still.iloc[0, 0] = np.nan  # the first session has no overnight return
    assert set(find(still, REPORTS[20]).values()) == {-1.0}


def test_no_session_has_no_jumps():
    nothing = make_measured().iloc[:0]
    assert find_jumps(size_of(nothing), np.array([], dtype=int), np.array([])).shape == (0, len(JUMPS))
