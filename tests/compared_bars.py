"""Stored and offered bars, made by hand for tests of their comparison."""

import numpy as np
import pandas as pd

from stockrnn.types import BAR_COLUMNS, PRICE_COLUMNS

NAN = float("nan")
OHLC, PRICES, COLUMNS = list(PRICE_COLUMNS[:4]), list(PRICE_COLUMNS), list(BAR_COLUMNS)
SESSIONS = pd.bdate_range("2024-01-02", periods=12, name="session").as_unit("ns")
# what Yahoo's own digits may differ by, relative
TOLERANCES = np.array([1e-4] * 5 + [5e-3])


def make_bars(count=10):
    """Bars of the first sessions, with closes of 100, 101, ..."""
    close = 100.0 + np.arange(count)
    columns = (close - 0.5, close + 1, close - 2, close, close * 0.98, close * 1e4)
    return pd.DataFrame(np.stack(columns, axis=1), index=SESSIONS[:count], columns=COLUMNS)


def multiply(bars, factor, *, rows=range(12), columns=PRICES):
    changed = bars.copy()
    chosen = bars.index.intersection(SESSIONS[list(rows)])
    changed.loc[chosen, list(columns)] *= factor
    return changed


def assert_same(found, expected):
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_freq=False)


def assert_nothing_changed(found):
    assert found.changed.empty
    assert found.reasons.empty
    assert (found.restated, found.factor, found.is_unit_mixup) == (False, 1.0, False)


def apply(stored, found):
    """What a store holds after it took the new and the changed bars."""
    kept = stored.drop(found.changed.index)
    return pd.concat([part for part in (kept, found.changed, found.new) if len(part)] or [stored]).sort_index()
