"""Whether another vendor's bars can take the place of those stored, and how they do.

Adjusted closes of two vendors differ, and so may the basis of the others: no window may hold bars of both. So a
switch takes the whole history from the other one, provided that it is the same series.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from stockrnn.market.revisions import Comparison, compare_bars
from stockrnn.types import BAR_COLUMNS

_COMPARED = 250
_MOST = 0.95
_NEWEST, _NEWEST_FIT = 10, 9
_TOLERANCE = 0.01
"""Relative: vendors round, and take the close from other venues; more is another series or another basis."""


def explain_misfit(
    stored: pd.DataFrame,
    offered: pd.DataFrame,
    *,
    held: pd.DatetimeIndex,
    needed: date,
    splits: Sequence[float] = (),
) -> str | None:
    """Say why bars of another vendor can't take the place of those stored; None where they can.

    They must have the session that is needed and every one that the vendor before told. Of the last 250 sessions that
    both have, the closes of 95 in 100 must agree within 1 %, and those of nine of the newest ten.

    Parameters
    ----------
    stored, offered
        Bars: index `session` ascending, columns `BAR_COLUMNS`, float64.
    held
        The sessions whose stored bars are the other vendor's.
    needed
        The last settled session.
    splits
        The ratios, new shares per old, of splits after the last stored session: the offered bars are restated for
        them, the stored ones are not.
    """
    if offered.empty or offered.index[-1] < pd.Timestamp(needed):
        return f"they have no bar of {needed}"
    lacking = held[~held.isin(offered.index)]
    if len(lacking):
        return f"they lack {len(lacking)} of {len(held)} stored sessions, the first {lacking[0].date()}"
    common = stored.index.intersection(offered.index)[-_COMPARED:]
    then = stored.loc[common, "close"].to_numpy() / np.prod(splits)  # (n,)
    ratios = offered.loc[common, "close"].to_numpy() / then  # (n,)
    fits = np.abs(ratios - 1) <= _TOLERANCE
    newest = fits[-_NEWEST:]
    if fits.mean() < _MOST or newest.sum() < min(_NEWEST_FIT, len(newest)):
        return (
            f"their closes differ by more than {_TOLERANCE:.0%} on {int((~fits).sum())} of the last {len(fits)} "
            f"sessions, in the median by a factor of {np.median(ratios):.4g}"
        )
    return None


def replace_bars(stored: pd.DataFrame, offered: pd.DataFrame, *, splits: Sequence[float]) -> Comparison:
    """Compare bars of another vendor with those stored, all of which they supersede, the same or not.

    A value that the offer lacks is missing then: the stored one is the other vendor's. The reason is `source`, but
    `split` of bars that the new vendor has restated by one.

    Parameters
    ----------
    splits
        The ratios of the known splits, new shares per old, in order of their dates.
    """
    comparison = compare_bars(stored, offered, splits=splits)
    both = offered.loc[offered.index.isin(stored.index), list(BAR_COLUMNS)]
    restated = comparison.reasons.reindex(both.index) == "split"
    reasons = pd.Series(np.where(restated, "split", "source"), index=both.index, dtype="object")
    return replace(comparison, changed=both, reasons=reasons)
