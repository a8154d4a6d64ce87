"""How Tiingo's rows become bars and actions.

It tells prices as they were traded, and beside them a close that is adjusted for splits and dividends. Bars here are
in the shares of today, as Yahoo's are: prices before a split are divided by its ratio. Source: its documentation of
end-of-day prices, https://www.tiingo.com/documentation/end-of-day.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from stockrnn.errors import PriceSourceError
from stockrnn.sources.tiingo.names import TITLE
from stockrnn.types import BAR_COLUMNS, Action, Download, Span

_FIELDS = ("open", "high", "low", "close", "adjClose", "volume", "divCash", "splitFactor")
_OHLC, _VOLUME, _DIVIDEND, _SPLIT = slice(0, 4), 5, 6, 7
_TIMEZONE = "America/New_York"
_CURRENCY = "USD"


def read_download(rows: Sequence[Mapping[str, Any]], span: Span) -> Download:
    """Return the bars and actions of the sessions in a span.

    rows: from the span's first session to the newest, since later splits restate the prices before them. A value that
    is null is missing.

    Raises
    ------
    PriceSourceError
        A row is not as documented, or a session stands there twice.
    """
    try:
        days = [date.fromisoformat(row["date"][:10]) for row in rows]
        values = np.array([[_to_number(row[name]) for name in _FIELDS] for row in rows], dtype=np.float64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        problem = f"a row of prices is not as documented ({type(error).__name__}: {error})"
        raise PriceSourceError(problem, source=TITLE) from None
    values = values.reshape(len(rows), len(_FIELDS))
    order = np.argsort(np.array(days, dtype="datetime64[D]"), kind="stable")
    days, values = [days[position] for position in order], values[order]
    again = next((day for day, following in pairwise(days) if day == following), None)
    if again is not None:
        raise PriceSourceError(f"it tells of {again} twice", source=TITLE)
    restated = _restate(values)
    index = pd.DatetimeIndex(np.array(days, dtype="datetime64[s]"), name="session")
    bars = pd.DataFrame(restated[:, : len(BAR_COLUMNS)], columns=list(BAR_COLUMNS), index=index)
    return Download(
        rows=bars.loc[pd.Timestamp(span.first) : pd.Timestamp(span.last)].reset_index(),
        actions=tuple(_read_actions(days, restated, span)),
        issues=(),
        currency=_CURRENCY,
        timezone=_TIMEZONE,
    )


def _to_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise TypeError(f"{value!r} is no number")
    return math.nan if value is None else float(value)


def _restate(values: np.ndarray) -> np.ndarray:
    """Return rows (n, 8) with prices, volumes and dividends in the shares of the last row."""
    restated = values.copy()
    splits = values[:, _SPLIT]
    splits = np.where(np.isfinite(splits) & (splits > 0), splits, 1.0)  # (n,)
    later = np.append(np.cumprod(splits[::-1])[::-1][1:], 1.0)[: len(values)]  # (n,), of the rows after each
    restated[:, _OHLC] /= later[:, None]
    restated[:, _VOLUME] *= later
    restated[:, _DIVIDEND] /= later
    restated[:, _SPLIT] = splits
    return restated


def _read_actions(days: Sequence[date], restated: np.ndarray, span: Span) -> list[Action]:
    found = []
    for day, row in zip(days, restated, strict=True):
        if not span.first <= day <= span.last:
            continue
        if 0 < row[_DIVIDEND] < math.inf:
            found.append(Action(ex_date=day, kind="dividend", value=float(row[_DIVIDEND])))
        if row[_SPLIT] != 1:
            found.append(Action(ex_date=day, kind="split", value=float(row[_SPLIT])))
    return found
