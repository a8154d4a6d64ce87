"""What is seen of how far back gradients reach, in words."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from stockrnn.report.words import count_sessions
from stockrnn.types.gradients import SpecReach

FORGOTTEN = 0.01
"""Of the largest norm: what acts less than this has been forgotten."""

_CELLS = {
    "rnn": "the simple network",
    "lstm": "the LSTM",
    "gru": "the GRU",
    "lstm_peephole": "the LSTM with peepholes",
    "lstm_coupled": "the LSTM with a coupled gate",
    "minimal_lstm": "the minimal LSTM",
}


def forgotten_after(norms: np.ndarray) -> int | None:
    """Return how many sessions back a network has forgotten what happened; None where it still feels the oldest.

    norms: `Reach.inputs`. From the session returned on, 1 being the newest, all are below `FORGOTTEN` of the largest.
    """
    felt = np.flatnonzero(norms >= FORGOTTEN * norms.max())
    after = int(felt[-1]) + 2 if len(felt) else 1
    return after if after <= len(norms) else None


def describe_reaches(reaches: Sequence[SpecReach]) -> str:
    """Say in one sentence which trained networks have forgotten the oldest sessions and which still feel them."""
    names, lookbacks = name_networks(reaches), [len(reach.trained.inputs) for reach in reaches]
    after = {reach.spec: forgotten_after(reach.trained.inputs) for reach in reaches}
    forgotten = [(names[spec], count) for spec, count in after.items() if count is not None]
    first = [f"{name} has forgotten what happened {count_sessions(count)} ago" for name, count in forgotten[:1]]
    parts = (
        [", ".join([*first, *(f"{name} {count_sessions(count)}" for name, count in forgotten[1:])])]
        if forgotten
        else []
    )
    alike = len(set(lookbacks)) == 1
    for oldest in sorted(set(lookbacks)):
        feeling = [
            names[spec]
            for (spec, count), lookback in zip(after.items(), lookbacks, strict=True)
            if count is None and lookback == oldest
        ]
        if feeling:
            feels = "feels" if len(feeling) == 1 else "feel"
            what = "it" if parts and alike else f"what happened {count_sessions(oldest)} ago"
            parts.append(f"{_join(feeling)} still {feels} {what}")
    sentence = "; ".join(parts)
    return sentence[:1].upper() + sentence[1:]


def name_networks(reaches: Sequence[SpecReach]) -> dict[str, str]:
    """Return what to call each spec's network: by its cell, or by its spec where several have the same cell."""
    cells = Counter(reach.cell for reach in reaches)
    return {
        reach.spec: _CELLS[reach.cell] if cells[reach.cell] == 1 and reach.cell in _CELLS else reach.spec
        for reach in reaches
    }


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
