"""Which baselines a verdict on a target is against, and from which price its direction is counted."""

from stockrnn.types import Target

BASELINE_TITLES = {"naive": "naive", "last_close": "the last close"}


def benchmarks_for(target: Target) -> tuple[str, ...]:
    """Return the baselines that a verdict on `target` is against.

    For `close`, naive is the last close; an adjusted close is on another scale than the last close.
    """
    return ("naive",) if target in {"close", "adj_close"} else ("naive", "last_close")
