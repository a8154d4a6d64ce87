"""What a new download says about bars that are stored already: the same, a correction, or the whole past restated."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stockrnn.types import BAR_COLUMNS, PRICE_COLUMNS

_OHLC = ["open", "high", "low", "close"]
_PRICE_TOLERANCE = 1e-4
"""Relative; Yahoo's last digits differ from download to download."""
_VOLUME_TOLERANCE = 5e-3
_TOLERANCES = np.array([_PRICE_TOLERANCE] * len(PRICE_COLUMNS) + [_VOLUME_TOLERANCE])
_UNIT_MIXUP = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An offer beside what is stored.

    Attributes
    ----------
    new
        The offered bars of sessions that are not stored.
    changed
        The offered bars that differ from the stored ones; a value that the offer lacks is the stored one.
    reasons
        Why, for each of `changed`: `split` (two bars or more in one ratio, in all four prices), `dividend` (only
        adj_close), `late_bar` (the newest stored bar, finished by the source since), `correction`.
    restated
        The prices of several bars changed, so that those which were not offered have changed too.
    factor
        The ratio new / old of the bars that changed by a `split`, 1 where none did.
    """

    new: pd.DataFrame
    changed: pd.DataFrame
    reasons: pd.Series
    restated: bool
    factor: float

    @property
    def is_unit_mixup(self) -> bool:
        """Whether the past is offered about 100 times off, as pence instead of pounds are."""
        return not 1 / _UNIT_MIXUP < self.factor < _UNIT_MIXUP


def compare_bars(stored: pd.DataFrame, offered: pd.DataFrame) -> Comparison:
    """Compare bars; both: index `session` ascending, columns `BAR_COLUMNS`, float64.

    Prices agree within 1e-4, volumes within 5e-3, relative: a source repeats itself only so exactly.
    """
    common = offered.index.intersection(stored.index)
    old, given = stored.loc[common, list(BAR_COLUMNS)], offered.loc[common, list(BAR_COLUMNS)]
    now = given.where(given.notna(), old)
    same = np.isclose(now, old, rtol=_TOLERANCES, atol=0, equal_nan=True)  # (n, 6)
    differs = np.asarray(~same.all(axis=1))
    repriced = int((~same[:, : len(PRICE_COLUMNS)]).any(axis=1).sum())
    factor, by_split = _find_split(old, now, differs)
    by_dividend = differs & same[:, : len(_OHLC)].all(axis=1) & ~same[:, len(_OHLC)]
    newest = common == stored.index[-1] if len(stored) else np.zeros(len(common), dtype=bool)
    several = repriced >= min(2, len(common)) and repriced > 0
    reasons = np.select([by_split, by_dividend & several, newest], ["split", "dividend", "late_bar"], "correction")
    return Comparison(
        new=offered.loc[offered.index.difference(stored.index)],
        changed=now.loc[differs],
        reasons=pd.Series(reasons[differs], index=common[differs], dtype="object"),
        restated=several,
        factor=factor,
    )


def _find_split(old: pd.DataFrame, now: pd.DataFrame, differs: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the ratio that several bars share in all four prices, and which bars do. Shape (n,)."""
    ratios = now[_OHLC].to_numpy() / old[_OHLC].to_numpy()  # (n, 4)
    uniform = differs & (np.abs(ratios / ratios[:, [-1]] - 1) < 2 * _PRICE_TOLERANCE).all(axis=1)
    uniform &= np.abs(ratios[:, -1] - 1) > _PRICE_TOLERANCE
    if not uniform.any():
        return 1.0, uniform
    factor = float(np.median(ratios[uniform, -1]))
    shared = uniform & (np.abs(ratios[:, -1] / factor - 1) < 2 * _PRICE_TOLERANCE)
    if shared.sum() < min(2, len(old)):
        return 1.0, np.zeros(len(old), dtype=bool)
    return factor, shared
