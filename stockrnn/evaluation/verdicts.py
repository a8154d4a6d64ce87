"""Whether the errors of a model prove that it is better or worse than its benchmarks, in words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from stockrnn.evaluation.benchmarks import join_titles
from stockrnn.evaluation.significance import Comparison, pooled_diebold_mariano

Relation: TypeAlias = Literal["better", "no better", "worse", "too few", "none"]

SIGNIFICANT = 0.05
MIN_SESSIONS = 10
"""Below it nothing is tested."""
ENOUGH_SESSIONS = 125
"""Half a year: a smaller error that proves nothing is "too few to tell" below it and "no better" from it on."""
LEAK_RELATIVE_LOSS = 0.6
"""Less than this share of the best benchmark's loss is beyond what prices allow; the planted signal allows 0.69."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the errors prove.

    Attributes
    ----------
    against
        The benchmarks for which the relation holds.
    p_value
        The largest one where it holds for several: each of them had to be beaten.
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
        return self.describe()

    def describe(self, *, benchmarks: str | None = None) -> str:
        """Return the plain words; `benchmarks` instead of the names of those that it is against."""
        if self.relation == "none":
            return "nothing scored yet"
        if self.relation == "too few":
            return f"too few sessions to tell (n = {self.n})"
        if self.relation == "no better":
            return f"no better than {benchmarks or join_titles(self.against, word='or')}"
        names = benchmarks or join_titles(self.against, word="and")
        words = f"{self.relation} than {names} ({format_p(self.p_value)})"
        return f"{words}; suspiciously so, look for a leak" if self.suspicious else words


def format_p(p_value: float) -> str:
    """Write a p-value: `p = 0.012`, or `p < 0.001`."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"  # noqa: PLR2004  # the smallest one written out


def decide_verdict(
    loss: np.ndarray, benchmarks: Mapping[str, np.ndarray], *, clusters: np.ndarray | None = None
) -> Verdict:
    """Compare a model's losses with those of its benchmarks: better only if significantly better than each of them.

    So the test is against the best benchmark, whichever that is, and needs no correction for choosing it by the same
    data (Berger 1982, intersection-union). Without evidence the verdict is "no better".

    Parameters
    ----------
    loss, benchmarks
        As for `pooled_diebold_mariano`; each shape (n,), n sessions.
    clusters
        The date of each pair where several tickers are pooled; None: each pair is a session of its own.
    """
    n = len(loss)
    if n == 0:
        return Verdict(relation="none", against=(), n=0)
    dates = np.arange(n) if clusters is None else np.asarray(clusters)
    sessions = len(np.unique(dates))
    if sessions < MIN_SESSIONS:
        return Verdict(relation="too few", against=tuple(benchmarks), n=sessions)
    compared = {name: pooled_diebold_mariano(loss, other, clusters=dates) for name, other in benchmarks.items()}
    verdict = judge(compared, sessions=sessions)
    best = min(float(np.mean(other)) for other in benchmarks.values())
    suspicious = verdict.relation == "better" and float(np.mean(loss)) < LEAK_RELATIVE_LOSS * best
    return replace(verdict, suspicious=suspicious)


def judge(compared: Mapping[str, Comparison], *, sessions: int) -> Verdict:
    """Decide as `decide_verdict` does, from comparisons with each benchmark that are known already."""
    if sessions < MIN_SESSIONS:
        return Verdict(relation="too few", against=tuple(compared), n=sessions)
    relation, against = _relate(compared, sessions)
    p_value = max(compared[name].p_value for name in against)
    return Verdict(relation=relation, against=against, n=sessions, p_value=p_value)


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
