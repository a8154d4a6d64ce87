"""Whether a difference between two forecasts is more than noise: tests, intervals of shares, and a verdict in words.

A loss is the size of an error, such as its absolute value, so less is better. One-step forecasts only: their loss
differences are taken as uncorrelated over time.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from stockrnn.types import Target

Relation: TypeAlias = Literal["better", "no better", "worse", "too few", "none"]

SIGNIFICANT = 0.05
FEWEST_SESSIONS = 10
"""Below it nothing is tested."""
ENOUGH_SESSIONS = 125
"""Half a year: a smaller error that proves nothing is "too few to tell" below it and "no better" from it on."""
_ROUNDING = 1e-12
LEAK_RELATIVE_LOSS = 0.6
"""Less than this share of the best baseline's loss is beyond what prices allow; the planted signal allows 0.69."""

_NAMES = {"naive": "naive", "last_close": "the last close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two losses of the same sessions compared.

    Attributes
    ----------
    n
        How many pairs.
    difference
        Mean loss minus mean reference loss; negative = better than the reference.
    p_value
        Two-sided: how often a difference as large arises where there is none. NaN below two pairs or clusters.
    """

    n: int
    difference: float
    p_value: float


def diebold_mariano(loss: np.ndarray, reference: np.ndarray) -> Comparison:
    """Test whether two forecasts are equally good, one step ahead.

    Diebold & Mariano (1995) with the small-sample correction of Harvey, Leybourne & Newbold (1997), equation 9,
    against Student's t with n - 1 degrees of freedom. For one-step forecasts the correction sqrt((n - 1) / n)
    makes it the paired t-test.

    Parameters
    ----------
    loss, reference
        Shape (n,), no NaN, the same sessions in the same order.
    """
    return pooled_diebold_mariano(loss, reference, clusters=np.arange(len(loss)))


def pooled_diebold_mariano(loss: np.ndarray, reference: np.ndarray, *, clusters: np.ndarray) -> Comparison:
    """Test over several tickers at once; pairs of one date are one cluster, because they move together.

    The variance of the mean is the cluster-robust one of Liang & Zeger (1986) with the factor G / (G - 1) and
    Student's t with G - 1 degrees of freedom, G clusters (Cameron & Miller 2015, "A Practitioner's Guide to
    Cluster-Robust Inference", section II). With one pair a cluster it is `diebold_mariano`.

    Parameters
    ----------
    loss, reference
        Shape (n,), no NaN, free of scale where tickers are pooled: such as absolute error over last close.
    clusters
        The date of each pair, shape (n,).
    """
    differences = np.asarray(loss, dtype=np.float64) - np.asarray(reference, dtype=np.float64)
    # what the last bits of a float differ by is no difference
    differences[np.abs(differences) < _ROUNDING * np.abs(reference)] = 0.0
    n = len(differences)
    mean = float(np.mean(differences)) if n else math.nan
    variance, groups = _clustered_variance(differences - mean, clusters)
    if math.isnan(variance):
        return Comparison(n=n, difference=mean, p_value=math.nan)
    if variance == 0:
        return Comparison(n=n, difference=mean, p_value=1.0 if mean == 0 else 0.0)
    p_value = 2 * float(stdtr(groups - 1, -abs(mean) / math.sqrt(variance)))
    return Comparison(n=n, difference=mean, p_value=p_value)


def relative_loss(
    loss: np.ndarray, reference: np.ndarray, *, clusters: np.ndarray, level: float = 0.95
) -> tuple[float, float, float]:
    """Return mean loss over mean reference loss, below 1 is better, with its confidence interval.

    The interval is the delta method's for a ratio of means (Cochran 1977, "Sampling Techniques", section 6.3),
    clustered as in `pooled_diebold_mariano`; NaN ends below two clusters, all NaN without any reference loss.

    Parameters
    ----------
    loss, reference, clusters
        As for `pooled_diebold_mariano`.
    """
    loss, reference = np.asarray(loss, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    base = float(np.mean(reference)) if len(reference) else 0.0
    if base == 0.0:
        return math.nan, math.nan, math.nan
    ratio = float(np.mean(loss)) / base
    variance, groups = _clustered_variance(loss - ratio * reference, clusters)
    if math.isnan(variance):
        return ratio, math.nan, math.nan
    half = float(stdtrit(groups - 1, 0.5 + level / 2)) * math.sqrt(variance) / base
    return ratio, max(ratio - half, 0.0), ratio + half


def _clustered_variance(residuals: np.ndarray, clusters: np.ndarray) -> tuple[float, int]:
    """Return the variance of the mean of centred residuals, and how many clusters; NaN below two clusters."""
    n = len(residuals)
    _, labels = np.unique(np.asarray(clusters), return_inverse=True)
    groups = int(labels.max()) + 1 if n else 0
    if groups < 2:  # noqa: PLR2004  # one cluster has no variance
        return math.nan, groups
    sums = np.bincount(labels, weights=residuals)
    return float(np.sum(sums**2)) / n**2 * groups / (groups - 1), groups


def wilson_interval(successes: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share, 0 to 1, of which `successes` of `n` were seen; NaN for n = 0.

    Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference", without correction for
    continuity.
    """
    if n == 0:
        return math.nan, math.nan
    z = float(ndtri(0.5 + level / 2))
    share = successes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def yardsticks(target: Target) -> tuple[str, ...]:
    """Return the baselines that a verdict on `target` is against.

    For `close`, naive is the last close; an adjusted close is on another scale than the last close.
    """
    return ("naive",) if target in {"close", "adj_close"} else ("naive", "last_close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the errors prove.

    Attributes
    ----------
    against
        The baselines of which the relation holds.
    p_value
        The larger one where it holds of several: each of them had to be beaten.
    suspicious
        The error is smaller than prices allow: look for a leak before believing it.
    """

    relation: Relation
    against: tuple[str, ...]
    n: int
    p_value: float = math.nan
    suspicious: bool = False

    @property
    def words(self) -> str:
        """Plain words, such as `better than naive (p = 0.012)`."""
        if self.relation == "none":
            return "nothing scored yet"
        if self.relation == "too few":
            return f"too few sessions to tell (n = {self.n})"
        if self.relation == "no better":
            return f"no better than {' or '.join(_NAMES[name] for name in self.against)}"
        names = " and ".join(_NAMES[name] for name in self.against)
        words = f"{self.relation} than {names} ({format_p(self.p_value)})"
        return f"{words}; suspiciously so, look for a leak" if self.suspicious else words


def format_p(p_value: float) -> str:
    """Write a p-value: `p = 0.012`, or `p < 0.001`."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"  # noqa: PLR2004  # the smallest one written out


def decide_verdict(
    loss: np.ndarray, baselines: Mapping[str, np.ndarray], *, clusters: np.ndarray | None = None
) -> Verdict:
    """Judge a model beside the baselines named: better only if it is significantly better than each of them.

    So the test is against the better baseline, whichever that is (Berger 1982, intersection-union), and choosing
    it by the same data gives nothing away. Without evidence the verdict is "no better".

    Parameters
    ----------
    loss, baselines
        As for `pooled_diebold_mariano`; each shape (n,), n sessions.
    clusters
        The date of each pair where several tickers are pooled; None: each pair is a session of its own.
    """
    n = len(loss)
    if n == 0:
        return Verdict(relation="none", against=(), n=0)
    dates = np.arange(n) if clusters is None else np.asarray(clusters)
    sessions = len(np.unique(dates))
    if sessions < FEWEST_SESSIONS:
        return Verdict(relation="too few", against=tuple(baselines), n=sessions)
    compared = {name: pooled_diebold_mariano(loss, other, clusters=dates) for name, other in baselines.items()}
    relation, against = _relate(compared, sessions)
    p_value = max(compared[name].p_value for name in against)
    best = min(float(np.mean(other)) for other in baselines.values())
    suspicious = relation == "better" and float(np.mean(loss)) < LEAK_RELATIVE_LOSS * best
    return Verdict(relation=relation, against=against, n=sessions, p_value=p_value, suspicious=suspicious)


def _relate(compared: Mapping[str, Comparison], sessions: int) -> tuple[Relation, tuple[str, ...]]:
    better = [name for name, one in compared.items() if one.difference < 0]
    significant = [name for name, one in compared.items() if one.p_value < SIGNIFICANT]
    if len(better) == len(compared):
        if len(significant) == len(compared):
            return "better", tuple(compared)
        return ("too few" if sessions < ENOUGH_SESSIONS else "no better"), tuple(compared)
    worse = tuple(name for name in compared if name in significant and name not in better)
    if worse:
        return "worse", worse
    return "no better", tuple(name for name in compared if name not in better)
