"""What a new download says about bars that are stored already: the same, a correction, or the whole past restated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stockrnn.market.split_ratios import are_known_splits, is_usual_split
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
_NEARLY_ALL = 0.9


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
        Why, for each of `changed`: `split` (two bars or more in one ratio, in all four prices, that a split
        explains), `dividend` (the adj_close of two or more moved apart from their close), `late_bar` (the newest
        stored bar, finished by the source since), `correction`. That is also the reason of bars in a ratio that no
        split explains, as where prices that had been adjusted for dividends come as they were traded.
    restated
        The prices of several bars changed, or of the only one that both have, so that those which were not offered
        may have changed too.
    factor
        The ratio new / old of most of the bars that changed in a shared one, whatever explains it; 1 where none did.
    is_unit_mixup
        Most of the past is offered about 100 times off, as pence instead of pounds are.
    """

    new: pd.DataFrame
    changed: pd.DataFrame
    reasons: pd.Series
    restated: bool
    factor: float
    is_unit_mixup: bool


def compare_bars(
    stored: pd.DataFrame, offered: pd.DataFrame, *, splits: Sequence[float] = (), all_known: bool = True
) -> Comparison:
    """Compare bars; both: index `session` ascending, columns `BAR_COLUMNS`, float64.

    Prices agree within 1e-4, volumes within 5e-3, relative: a source repeats itself only so exactly.

    Parameters
    ----------
    splits
        The ratios of the known splits, new shares per old, in order of their dates.
    all_known
        There were no others. Where there may have been some, for price files name none, a usual ratio that nearly
        all common bars share counts as a split too.
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
    found = _find_ratios(old, now, differs)
    by_split = _find_splits(found, splits, all_known=all_known)
    by_dividend = differs & ~by_split & _is_readjusted(old, now)
    if by_dividend.sum() < _SEVERAL:  # one alone tells nothing, unless it is alone and nothing else changed
        by_dividend &= (len(old) == 1) & same[:, :_OHLC].all(axis=1)
    newest = places[both] == len(stored) - 1
    reasons = np.select(
        [by_split, found.shared, by_dividend, newest], ["split", "correction", "dividend", "late_bar"], "correction"
    )
    sessions = offered.index[both][differs]
    return Comparison(
        new=offered.loc[~both, list(BAR_COLUMNS)],
        changed=pd.DataFrame(now[differs], index=sessions, columns=list(BAR_COLUMNS)),
        reasons=pd.Series(reasons[differs], index=sessions, dtype="object"),
        restated=several,
        factor=found.factor,
        is_unit_mixup=_is_far(found.factor) and 2 * int((found.shared | found.near).sum()) > len(old),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ratios:
    """Ratios new / old of the common bars. Shapes (m,).

    Attributes
    ----------
    close
        Those of the closes.
    shared
        Which bars changed in all four prices by a ratio that another has too.
    factor
        The ratio that most of them share, 1 where there is none.
    near
        Which bars changed so that their close came near that ratio: they were corrected as well.
    """

    close: np.ndarray
    shared: np.ndarray
    factor: float
    near: np.ndarray


def _find_ratios(old: np.ndarray, now: np.ndarray, differs: np.ndarray) -> _Ratios:
    """Find the ratios that bars share in all four prices. Shapes (m, 6), (m, 6), (m,)."""
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
        return _Ratios(close=close, shared=shared, factor=1.0, near=shared)
    factor = float(close[np.where(shared, sharing, 0).argmax()])
    with np.errstate(divide="ignore"):
        near = differs & (np.abs(np.log(close / factor)) < abs(np.log(factor)) / 2)
    return _Ratios(close=close, shared=shared, factor=factor, near=near)


def _find_splits(found: _Ratios, splits: Sequence[float], *, all_known: bool) -> np.ndarray:
    """Return which bars changed by a split: a known one, or a usual one where not all are known. Shape (m,).

    Once most did, one that was corrected with them counts too.
    """
    by_split = found.shared & are_known_splits(found.close, splits)
    most = found.shared & (np.abs(found.close / found.factor - 1) < 2 * _PRICE_TOLERANCE)
    usual = not all_known and most.sum() >= _NEARLY_ALL * len(most) and is_usual_split(found.factor)
    if usual or by_split[most].any():
        by_split |= most | found.near
    return np.asarray(by_split)


def _is_readjusted(old: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Return the bars whose adj_close moved apart from their close, as a dividend makes it do. Shape (m,)."""
    before, after = (bars[:, _OHLC] / bars[:, _OHLC - 1] for bars in (old, now))
    return np.asarray(np.abs(after / before - 1) > _PRICE_TOLERANCE)  # false where there was none


def _is_far(factor: float) -> bool:
    return not 1 / _UNIT_MIXUP < factor < _UNIT_MIXUP
