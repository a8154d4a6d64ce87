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

_EVERY = 4  # sessions, by the day's number: a network has to run for each
_MIN_MOVES = 20
_PRIOR_OF_ALL = 100.0  # moves
_PRIOR_OF_EACH = 750.0
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
    return rows[days % _EVERY == 0]


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
    return distances * np.array(factors).reshape(distances.shape)


def _find_factors(ratios: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return by how much each quantile has to stand further out, from moves over its distances (N, levels)."""
    count, factors = len(ratios), np.ones(len(levels))
    if count < _MIN_MOVES:
        return factors
    outer = np.flatnonzero(levels != 0.5)
    logs = np.log([max(np.quantile(ratios[:, k], max(levels[k], 1 - levels[k])), _MIN_FACTOR) for k in outer])
    of_all = logs.mean()
    shrunk = count / (count + _PRIOR_OF_ALL) * of_all + count / (count + _PRIOR_OF_EACH) * (logs - of_all)
    factors[outer] = np.exp(shrunk)
    return factors
