"""Each ticker's own correction of how wide its quantiles stand: what its last moves were in units of the forecasts.

A network for all tickers gives one that is unlike the others intervals that hold too few or too many of its moves.
Here each quantile's distance from the median is scaled so that as many of the last moves lay beyond it as its level
says. The idea is that of Romano, Patterson & Candes (2019), "Conformalized Quantile Regression", with factors instead
of offsets; a factor is drawn towards that of the ticker's other quantiles, and all towards 1, as there are few moves.
"""

import numpy as np
import pandas as pd

CALIBRATION_SESSIONS = 1000
"""How many sessions back the moves count."""

_EVERY = 2  # sessions on average: a network has to run for each
_MIN_MOVES = 20
_PRIOR_OF_ALL = 50.0  # moves
_PRIOR_OF_EACH = 300.0
_MIN_FACTOR = 0.2


def calibration_rows(sessions: pd.Index, *, first: int, wanted: np.ndarray) -> np.ndarray:
    """Return the positions of the sessions after which the moves count for some of `wanted`.

    Parameters
    ----------
    sessions
        All that are known, ascending.
    first
        The first position that can be forecast from.
    wanted
        Positions that are to be calibrated, ascending.
    """
    if not len(wanted):
        return wanted
    rows = np.arange(max(wanted[0] - CALIBRATION_SESSIONS, first), wanted[-1])
    days = pd.DatetimeIndex(sessions[rows]).to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.asarray(rows[_scatter(days) % _EVERY == 0])


def _scatter(days: np.ndarray) -> np.ndarray:
    """Return a number for each day that follows no rhythm of weeks, quarters and years, as reports of companies do.

    Steele, Lea & Flood (2014), "Fast Splittable Pseudorandom Number Generators": the last step of SplitMix64.
    """
    mixed = days.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def calibrate(
    distances: np.ndarray,
    *,
    wanted: np.ndarray,
    past: np.ndarray,
    past_distances: np.ndarray,
    past_moves: np.ndarray,
    levels: np.ndarray,
) -> np.ndarray:
    """Return the distances from the median as the moves before each of them ask for.

    Parameters
    ----------
    distances
        Of the quantiles from the median, in any unit: shape (len(wanted), levels).
    wanted, past
        The sessions' positions, ascending. A move counts for what is forecast after the next session or later.
    past_distances, past_moves
        The distances that were forecast after the sessions `past`, (len(past), levels), and the moves less their
        forecast median, (len(past),): each pair in one unit. NaN where the move is not known.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = past_moves[:, np.newaxis] / past_distances
    known = np.isfinite(past_moves)
    factors = []
    for row in wanted:
        counted = known & (past < row) & (past >= row - CALIBRATION_SESSIONS)
        factors.append(_find_factors(ratios[counted], levels))
    return np.asarray(distances * np.array(factors).reshape(distances.shape))


def _find_factors(ratios: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return by how much each quantile has to stand further out, from moves over its distances (N, levels)."""
    count, factors = len(ratios), np.ones(len(levels))
    if count < _MIN_MOVES:
        return factors
    outer = np.delete(np.arange(len(levels)), len(levels) // 2)  # all but the median
    # of so many moves the next one lies beyond the Weibull quantile as often as the level says
    found = [np.quantile(ratios[:, k], max(levels[k], 1 - levels[k]), method="weibull") for k in outer]
    logs = np.log(np.maximum(found, _MIN_FACTOR))
    of_all = logs.mean()
    shrunk = count / (count + _PRIOR_OF_ALL) * of_all + count / (count + _PRIOR_OF_EACH) * (logs - of_all)
    factors[outer] = np.exp(shrunk)
    return factors
