"""Prices as they come and as they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from stockrnn.types.words import ActionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceIssue:
    """A row that was quarantined, with its reason and its values."""

    session: date
    kind: str
    detail: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Daily bars of one ticker and the rows quarantined.

    Attributes
    ----------
    frame
        Index `session` (naive midnight, ascending, unique), columns `BAR_COLUMNS`, float64. `open` to `close`
        are positive; `adj_close` and `volume` may be NaN.
    issues
        The rows that are not in `frame`, and why.
    """

    frame: pd.DataFrame
    issues: tuple[PriceIssue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A corporate action.

    Attributes
    ----------
    ex_date
        The first session that trades without it.
    value
        `dividend` and `capital_gain`: cash per share, on the same basis as the stored prices; `split`: new shares
        per old.
    """

    ex_date: date
    kind: ActionKind
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What a source answered for one ticker.

    Attributes
    ----------
    rows
        Columns `session` (naive midnight, unique, ascending) and `BAR_COLUMNS` (float64, NaN where missing), as
        the source tells them: not checked, and perhaps of a session that is still open.
    actions
        The corporate actions of the same span, and those announced for later.
    issues
        Rows that the source sent and that are not in `rows`.
    """

    rows: pd.DataFrame
    actions: tuple[Action, ...]
    issues: tuple[PriceIssue, ...]
    currency: str | None
    timezone: str
