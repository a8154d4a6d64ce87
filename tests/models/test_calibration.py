"""A ticker's own correction of its quantiles: what it does to too narrow ones, and what it leaves alone."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from stockrnn.models.calibration import CALIBRATION_SESSIONS, calibrate, calibration_rows

LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
DISTANCES = norm.ppf(LEVELS)
COUNT = 4000


def correct(moves, wanted, *, past=None, distances=DISTANCES):
    past = np.arange(0, COUNT, 4) if past is None else past
    wanted = np.asarray(wanted)
    return calibrate(
        np.tile(distances, (len(wanted), 1)),
        wanted=wanted,
        past=past,
        past_distances=np.tile(distances, (len(past), 1)),
        past_moves=moves[past],
        levels=LEVELS,
    )


def draw(scale=1.0, seed=0):
    return scale * np.random.default_rng(seed).standard_normal(COUNT)


@pytest.mark.parametrize("scale", [0.6, 1.0, 1.7])
def test_quantiles_that_stand_too_narrow_or_too_wide_move_most_of_the_way(scale):
    (found,) = correct(draw(scale), [COUNT])
    factors = found[[0, 1, 3, 4]] / DISTANCES[[0, 1, 3, 4]]
    # 250 moves against 50 of the prior
    assert factors == pytest.approx(scale ** (250 / 300), rel=0.08)


def test_the_median_stays():
    assert (correct(draw(2.0), range(1000, 1010))[:, 2] == 0).all()


def test_the_factors_are_those_of_a_hand_calculation():
    moves = draw(1.3)
    (found,) = correct(moves, [3001])
    counted = moves[np.arange(2004, 3001, 4)]
    logs = [
        np.log(np.quantile(counted / distance, max(level, 1 - level), method="weibull"))
        for level, distance in zip(LEVELS, DISTANCES, strict=True)
        if level != 0.5
    ]
    count, mean = len(counted), np.mean(logs)
    shrunk = [count / (count + 50) * mean + count / (count + 300) * (log - mean) for log in logs]
    assert found[[0, 1, 3, 4]] / DISTANCES[[0, 1, 3, 4]] == pytest.approx(np.exp(shrunk), rel=1e-12)


def test_each_side_is_moved_by_its_own_moves():
    moves = draw()
    skewed = np.where(moves < 0, 3 * moves, moves)
    low, _, _, _, high = correct(skewed, [COUNT])[0] / np.where(DISTANCES == 0, 1, DISTANCES)
    assert low > 1.2 * high


def test_a_move_counts_only_once_it_is_known_and_not_for_ever():
    moves = draw()
    before = correct(moves, [1000, 1001, 2000, 2001])
    moves[1000] = 1e6
    after = correct(moves, [1000, 1001, 2000, 2001])
    assert [(one != other).any() for one, other in zip(before, after, strict=True)] == [False, True, True, False]


def test_of_few_moves_nothing_is_learned():
    assert (correct(draw(5.0), [76]) == DISTANCES).all()
    assert (correct(draw(5.0), [80])[0, [0, 4]] != DISTANCES[[0, 4]]).all()


def test_moves_that_are_not_known_are_left_out():
    moves = draw(2.0)
    moves[3000:] = np.nan
    assert (correct(moves, [4000]) == DISTANCES).all()
    assert np.isfinite(correct(moves, [3500])).all()


def test_half_of_the_sessions_count_and_which_ones_hangs_on_their_dates_alone():
    sessions = pd.bdate_range("2000-01-03", periods=COUNT)
    rows = calibration_rows(sessions, first=249, wanted=np.arange(3000, 3021))
    assert 2000 <= rows[0] < rows[-1] < 3020
    assert len(rows) == pytest.approx(CALIBRATION_SESSIONS / 2, abs=50)
    later = calibration_rows(sessions[500:], first=249, wanted=np.arange(2500, 2521))
    assert (sessions[rows] == sessions[500:][later]).all()
    assert calibration_rows(sessions, first=249, wanted=np.array([249])).size == 0
    assert calibration_rows(sessions, first=249, wanted=np.array([], dtype=int)).size == 0


@pytest.mark.parametrize("days", [7, 91, 364])
def test_no_weekday_and_no_time_of_the_quarter_or_year_is_left_out(days):
    sessions = pd.bdate_range("1990-01-01", periods=8000)
    rows = calibration_rows(sessions, first=0, wanted=np.arange(1000, 8000))
    counted, all_of_them = (
        np.bincount((sessions[which] - sessions[0]).days % days, minlength=days) for which in (rows, slice(None))
    )
    there = all_of_them > 20
    assert there.sum() >= days * 5 // 7
    assert (counted[there] / all_of_them[there] > 0.1).all()
