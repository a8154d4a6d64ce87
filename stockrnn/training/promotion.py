"""Whether a newly trained model may replace the one in use: not if it may be worse than the best one by a margin.

A fresh model need not be better, only surely not much worse (a test of non-inferiority): the upper confidence bound
of its loss, relative to that of the best champion of the past year, has to lie below 1 + margin. Champions of a year
are compared, not the last one alone, so that many small steps down can't add up.

How many paired sessions that takes: with d the standard deviation, over sessions, of the candidate's loss less the
champion's as a share of the champion's mean loss, a candidate of equal quality passes 9 times in 10 from

    n = ((3.09 + 1.28) * d / margin) ** 2

sessions on, 3.09 and 1.28 being the normal quantiles of 0.999 and 0.9. One in a thousand is what a candidate that is
worse by the whole margin may pass with, so that a year of 52 such candidates passes with one in twenty (Bonferroni).
With d = 0.2 and a margin of 0.05 that is 306 sessions. Formula: Julious (2004), "Sample sizes for clinical trials
with Normal data", section 5.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.special import ndtri

from stockrnn.evaluation.significance import relative_loss
from stockrnn.evaluation.verdicts import MIN_SESSIONS

MARGIN = 0.05
_RISK = 0.001
_POWER = 0.9
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, why, and on what evidence.

    Attributes
    ----------
    reference
        The best champion on these sessions; None where there was none.
    sessions, sessions_needed
        How many the decision rests on, and how many a candidate of equal quality needs to pass 9 times in 10; 0
        where nothing was compared.
    relative_loss, upper
        Of the candidate over the reference, below 1 is better, and its upper confidence bound; NaN where unknown.
    """

    promoted: bool
    reason: str
    reference: str | None
    sessions: int
    sessions_needed: int
    relative_loss: float
    upper: float


def decide_promotion(
    candidate: np.ndarray, champions: Mapping[str, np.ndarray], *, clusters: np.ndarray, margin: float = MARGIN
) -> Decision:
    """Decide on sessions that neither the candidate nor a champion was trained on.

    Parameters
    ----------
    candidate, champions
        Losses of the same forecasts, shape (n,); of every champion of the past year, the one in use among them.
        Relative to the price where tickers are pooled; a champion's are finite.
    clusters
        The date of each forecast, shape (n,).
    """
    sessions = len(np.unique(clusters))
    if not np.isfinite(candidate).all():
        return refuse("some of its forecasts are no numbers", sessions=sessions)
    if not champions:
        return _decide("there is no model yet", promoted=True, sessions=sessions)
    if sessions < MIN_SESSIONS:
        return refuse(f"{sessions} sessions are too few to compare it on", sessions=sessions)
    reference = min(champions, key=lambda name: (float(np.mean(champions[name])), name))
    ratio, _, upper = relative_loss(candidate, champions[reference], clusters=clusters, level=1 - 2 * _RISK)
    promoted = upper < 1 + margin
    bound = f"surely below {1 + margin:.3f}" if promoted else f"and may be {upper:.3f}"
    return Decision(
        promoted=promoted,
        reason=f"its loss is {ratio:.3f} of the best champion's, {bound}",
        reference=reference,
        sessions=sessions,
        sessions_needed=count_sessions_needed(upper - ratio, sessions, margin=margin),
        relative_loss=ratio,
        upper=upper,
    )


def count_sessions_needed(half: float, sessions: int, *, margin: float = MARGIN) -> int:
    """Return n of the module's formula.

    Parameters
    ----------
    half
        How far the upper bound lay above the relative loss, with as many sessions as there were.
    """
    bound, power = float(ndtri(1 - _RISK)), float(ndtri(_POWER))
    deviation = half / bound * math.sqrt(sessions)
    return math.ceil(((bound + power) * deviation / margin) ** 2) if math.isfinite(deviation) else 0


def _decide(reason: str, *, promoted: bool, sessions: int) -> Decision:
    """Decide without a comparison."""
    return Decision(
        promoted=promoted,
        reason=reason,
        reference=None,
        sessions=sessions,
        sessions_needed=0,
        relative_loss=math.nan,
        upper=math.nan,
    )


def choose_champions(in_use: Sequence[tuple[str, date]]) -> list[str]:
    """Return the models that a candidate is compared with: the one in use, and the first of each calendar month.

    So a year of nightly decisions asks for 14 models, not for 250, and still none of them can be the start of a
    decline that nobody sees.

    Parameters
    ----------
    in_use
        Of the past year, newest first: a model, and the day it came into use.
    """
    first_of_month = {(day.year, day.month): name for name, day in in_use}  # the oldest of a month is set last
    return list(dict.fromkeys([name for name, _ in in_use[:1]] + list(first_of_month.values())))


def find_fault(tried: pd.DataFrame) -> str | None:
    """Say what is broken about a model's forecasts, None where nothing is.

    Parameters
    ----------
    tried
        A row a forecast; `predicted` and others in quote currency, `output` of the network itself.
    """
    numbers = tried.drop(columns=["actual", "last_close"], errors="ignore").to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        return "some of its forecasts are no numbers"
    output, close = (tried[name].to_numpy(dtype=np.float64) for name in ("output", "last_close"))
    moved = len(output) > 1 and np.ptp(close) > 0  # where nothing happens, the same may be said
    if moved and np.ptp(output) <= _ROUNDING * np.abs(output).max():
        return "its network says the same whatever came before"
    return None


def refuse(reason: str, *, sessions: int = 0) -> Decision:
    """Decide against a candidate without a comparison."""
    return _decide(reason, promoted=False, sessions=sessions)
