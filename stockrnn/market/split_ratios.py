"""Ratios of splits: those that companies use, and what several known ones make together."""

from collections.abc import Sequence

import numpy as np

_WHOLE = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 18, 20, 24, 25, 28, 30, 35, 40, 45, 50)
USUAL_RATIOS = tuple(float(ratio) for ratio in (*_WHOLE, 60, 75, 80, 100, 120, 150, 200, 250, 300, 400, 500, 1000))
"""New shares per old that companies use, in whole numbers; of a reverse split, old shares per new."""
_USUAL_PARTS = (5 / 4, 4 / 3, 3 / 2, 5 / 2, 7 / 2)
_UNIT_MIXUP = 50.0
_TOLERANCE = 1e-3


def is_usual_split(factor: float) -> bool:
    """Whether prices that all change by `factor`, new / old, were restated for one split of a usual ratio.

    From fifty on either way it may as well be another unit, pence for pounds.
    """
    usual = [ratio for ratio in (*USUAL_RATIOS, *_USUAL_PARTS) if ratio < _UNIT_MIXUP]
    return bool(_are_any(np.array([factor]), usual)[0])


def are_known_splits(factors: np.ndarray, splits: Sequence[float]) -> np.ndarray:
    """Return which factors, new / old price, are those of one known split or of several in a row. Shape (n,).

    Parameters
    ----------
    splits
        The ratios of the known splits, new shares per old, in order of their dates.
    """
    spans = [splits[first:end] for first in range(len(splits)) for end in range(first + 1, len(splits) + 1)]
    return _are_any(factors, [float(np.prod(span)) for span in spans])


def _are_any(factors: np.ndarray, ratios: Sequence[float]) -> np.ndarray:
    """Return which factors are any of the ratios, or one divided by it. Shape (n,)."""
    both = np.array([value for ratio in ratios for value in (ratio, 1 / ratio)])  # (k,)
    return np.asarray(np.isclose(factors[:, None], both[None, :], rtol=_TOLERANCE, atol=0).any(axis=1))
