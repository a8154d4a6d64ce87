"""What a new download says about bars that are stored already: the same, a correction, or the whole past restated."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stockrnn.types import BAR_COLUMNS, PRICE_COLUMNS

_OHLC, _PRICES = 4, len(PRICE_COLUMNS)
"""How many of the columns are prices as traded, and how many are prices at all; volume is the last."""
_PRICE_TOLERANCE = 1e-4
"""Relative; Yahoo's last digits differ from download to download."""
_VOLUME_TOLERANCE = 5e-3
_TOLERANCES = np.array([_PRICE_TOLERANCE] * _PRICES + [_VOLUME_TOLERANCE])
_UNIT_MIXUP = 50.0
_MIN_SPLIT = 5e-3
_SEVERAL = 2


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
        Why, for each of `changed`: `split` (two bars or more in one ratio, in all four prices), `dividend` (the
        adj_close of two or more moved apart from their close), `late_bar` (the newest stored bar, finished by the
        source since), `correction`.
    restated
        The prices of several bars changed, or of the only one that both have, so that those which were not offered
        may have changed too.
    factor
        The ratio new / old of most of the bars that changed by a `split`, 1 where none did.
    is_unit_mixup
        Most of the past is offered about 100 times off, as pence instead of pounds are.
    """

    new: pd.DataFrame
    changed: pd.DataFrame
    reasons: pd.Series
    restated: bool
    factor: float
    is_unit_mixup: bool


def compare_bars(stored: pd.DataFrame, offered: pd.DataFrame) -> Comparison:
    """Compare bars; both: index `session` ascending, columns `BAR_COLUMNS`, float64.

    Prices agree within 1e-4, volumes within 5e-3, relative: a source repeats itself only so exactly.
    """
    places = stored.index.get_indexer(offered.index)  # (n,), -1 where the session is not stored
    both = places >= 0
    old = stored[list(BAR_COLUMNS)].to_numpy()[places[both]]  # (m, 6)
    given = offered[list(BAR_COLUMNS)].to_numpy()[both]  # (m, 6)
    now = np.where(np.isnan(given), old, given)
    same = np.isclose(now, old, rtol=_TOLERANCES, atol=0, equal_nan=True)  # (m, 6)
    differs = np.asarray(~same.all(axis=1))
    repriced = int((~same[:, :_PRICES]).any(axis=1).sum())
    several = repriced > 0 and repriced >= min(_SEVERAL, len(old))
    factor, by_split = _find_split(old, now, differs)
    by_dividend = differs & ~by_split & _is_readjusted(old, now)
    if by_dividend.sum() < _SEVERAL:  # one alone tells nothing, unless it is alone and nothing else changed
        by_dividend &= (len(old) == 1) & same[:, :_OHLC].all(axis=1)
    newest = places[both] == len(stored) - 1
    reasons = np.select([by_split, by_dividend, newest], ["split", "dividend", "late_bar"], "correction")
    sessions = offered.index[both][differs]
    return Comparison(
        new=offered.loc[~both, list(BAR_COLUMNS)],
        changed=pd.DataFrame(now[differs], index=sessions, columns=list(BAR_COLUMNS)),
        reasons=pd.Series(reasons[differs], index=sessions, dtype="object"),
        restated=several,
        factor=factor,
        is_unit_mixup=_is_far(factor) and 2 * int(by_split.sum()) > len(old),
    )


def _find_split(old: np.ndarray, now: np.ndarray, differs: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the ratio that most bars share in all four prices, and which bars changed by a shared one. Shape (m,).

    Once there is a split, a bar that was corrected with it counts as split too, if its close came near the ratio.
    """
    with np.errstate(over="ignore"):
        ratios = now[:, :_OHLC] / old[:, :_OHLC]  # (m, 4)
    close = ratios[:, -1]
    uniform = differs & (np.abs(close - 1) > _MIN_SPLIT)
    uniform &= (np.abs(ratios / close[:, None] - 1) < 2 * _PRICE_TOLERANCE).all(axis=1)
    common = np.sort(close[uniform])
    sharing = np.searchsorted(common, close * (1 + 2 * _PRICE_TOLERANCE)) - np.searchsorted(
        common, close * (1 - 2 * _PRICE_TOLERANCE)
    )  # (m,), how many bars have the same ratio
    shared = uniform & (sharing >= min(_SEVERAL, len(old)))
    if not shared.any():
        return 1.0, shared
    factor = float(close[np.where(shared, sharing, 0).argmax()])
    with np.errstate(divide="ignore"):
        near = np.abs(np.log(close / factor)) < abs(np.log(factor)) / 2
    return factor, shared | (differs & near)


def _is_readjusted(old: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Return the bars whose adj_close moved apart from their close, as a dividend makes it do. Shape (m,)."""
    before, after = (bars[:, _OHLC] / bars[:, _OHLC - 1] for bars in (old, now))
    return np.asarray(np.abs(after / before - 1) > _PRICE_TOLERANCE)  # false where there was none


def _is_far(factor: float) -> bool:
    return not 1 / _UNIT_MIXUP < factor < _UNIT_MIXUP
