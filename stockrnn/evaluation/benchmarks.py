"""What a target is compared with: baselines and methods, with their titles, and the price that moves count from."""

from collections.abc import Iterable
from typing import Literal

from stockrnn.types import Target

BASELINE_TITLES = {
    "naive": "naive",
    "last_close": "last close",
    "drift": "drift",
    "moving_average": "moving average",
}
VOLATILITY_TITLES = {
    "ewma": "EWMA",
    "gjr_garch": "GJR-GARCH-t",
    "har_fhs": "HAR-FHS",
    "har_quantiles": "HAR quantile regression",
}
"""Of `VOLATILITY_BENCHMARKS`, which forecast quantiles."""
_NO_BENCHMARKS = ("drift", "moving_average")


def benchmarks_for(target: Target) -> tuple[str, ...]:
    """Return the baselines that a verdict on `target` is against.

    For `close`, naive is the last close; an adjusted close is on another scale than the last close.
    """
    return ("naive",) if target in {"close", "adj_close"} else ("naive", "last_close")


def baselines_for(target: Target) -> tuple[str, ...]:
    """Return the baselines that are shown for `target`: its benchmarks, then those that no verdict is against."""
    return (*benchmarks_for(target), *_NO_BENCHMARKS)


def is_on_scale(baseline: str, target: Target) -> bool:
    """Whether a baseline may stand beside forecasts of `target` at all: the last close is no adjusted price."""
    return not (baseline == "last_close" and target == "adj_close")


def direction_reference(target: Target) -> str:
    """Return the baseline from which directions of `target` are counted: the last price that anyone knew.

    That is the last close, which is naive for `close`; for `adj_close` the last adjusted close, its naive.
    """
    return "last_close" if "last_close" in benchmarks_for(target) else "naive"


def reference_column(target: Target) -> Literal["close", "adj_close"]:
    """Return the column of bars from which the moves to the next session's `target` are counted."""
    return "adj_close" if target == "adj_close" else "close"


def join_titles(names: Iterable[str], *, word: Literal["and", "or"]) -> str:
    """Write baselines and volatility benchmarks as part of a sentence.

    >>> join_titles(["naive", "last_close"], word="or")
    'naive or the last close'
    >>> join_titles(["ewma", "gjr_garch", "har_fhs"], word="and")
    'EWMA, GJR-GARCH-t and HAR-FHS'
    """
    titles = {name: title if name == "naive" else f"the {title}" for name, title in BASELINE_TITLES.items()}
    *first, last = [(titles | VOLATILITY_TITLES)[name] for name in names]
    return f"{', '.join(first)} {word} {last}" if first else last
