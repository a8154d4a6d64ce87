"""Whether a difference between two forecasts is more than noise: tests and intervals of shares.

A loss is the size of an error, such as its absolute value, so less is better. One-step forecasts only: their loss
differences are taken as uncorrelated over time.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

_ROUNDING = 1e-12


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
    Cluster-Robust Inference", section II). With one pair per cluster it is `diebold_mariano`.

    Parameters
    ----------
    loss, reference
        Shape (n,), no NaN, free of scale where tickers are pooled: such as absolute error over last close.
    clusters
        The date of each pair, shape (n,).
    """
    differences = np.asarray(loss, dtype=np.float64) - np.asarray(reference, dtype=np.float64)
    # a difference in the last bits of a float is rounding
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
