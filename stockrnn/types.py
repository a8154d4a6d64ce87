"""The words of the design as types: what the floors hand to each other."""

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from pydantic import AfterValidator

from stockrnn.errors import InvalidTickerError, UsageError

Target: TypeAlias = Literal["open", "high", "low", "close", "adj_close"]
Kind: TypeAlias = Literal["live", "hindcast"]
SourceName: TypeAlias = Literal["yahoo", "simulated", "stored"]
ActionKind: TypeAlias = Literal["dividend", "split", "capital_gain"]
Weights: TypeAlias = list[np.ndarray]

PRICE_COLUMNS: tuple[str, ...] = ("open", "high", "low", "close", "adj_close")
BAR_COLUMNS: tuple[str, ...] = (*PRICE_COLUMNS, "volume")

_LONGEST_TICKER = 32
_TICKER = re.compile(r"\^?[A-Z0-9](?:[A-Z0-9&_=-]|\.(?=[A-Z0-9]))*")
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_MONTH = re.compile(r"(\d{4})-(\d{2})")


def parse_ticker(text: str) -> str:
    """Return the ticker in upper case.

    Raises
    ------
    InvalidTickerError
        `text` is no Yahoo symbol of at most 32 characters, or is an ISIN.

    >>> parse_ticker("brk-b")
    'BRK-B'
    """
    # upper() turns a few letters beyond ASCII into others: a sharp s would become the ticker SS
    ticker = text.strip().upper() if text.isascii() else ""
    if len(ticker) > _LONGEST_TICKER or not _TICKER.fullmatch(ticker) or _ISIN.fullmatch(ticker):
        raise InvalidTickerError(text)
    return ticker


def _validate_ticker(text: str) -> str:
    # pydantic turns only ValueError into a message that names the field
    try:
        return parse_ticker(text)
    except InvalidTickerError as error:
        raise ValueError(str(error)) from None


Ticker = Annotated[str, AfterValidator(_validate_ticker)]


def parse_as_of(text: str) -> datetime:
    """Return an aware UTC datetime. A bare date means the end of that day in UTC.

    Raises
    ------
    UsageError
        `text` is neither an ISO date nor an ISO time with an offset, or its year has no calendar.
    """
    try:
        moment = datetime.combine(date.fromisoformat(text), time.max, tzinfo=UTC)
    except ValueError:
        moment = _parse_moment(text)
    if moment.tzinfo is None:
        raise UsageError(f"{text!r} has no UTC offset: write {text}+00:00, or a bare date for the end of that day")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise UsageError(f"{text!r} is out of range: years {_FIRST_YEAR} to {_LAST_YEAR} have calendars")
    return moment.astimezone(UTC)


def _parse_moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"can't read {text!r} as a time: expected 2020-01-31 or 2020-01-31T22:00:00+00:00") from None


def limit_as_of(as_of: datetime, *, wall: datetime) -> datetime:
    """Return `as_of` in UTC, or `wall` where it is later on the same day, as the end of today is.

    Raises
    ------
    UsageError
        `as_of` is on a later day than `wall`, or has no offset.
    """
    if as_of.tzinfo is None:
        raise UsageError(f"as-of {as_of} has no UTC offset: write {as_of.isoformat()}+00:00")
    moment = as_of.astimezone(UTC)
    if moment.date() > wall.astimezone(UTC).date():
        raise UsageError(f"as-of {moment:%Y-%m-%d %H:%M} UTC is in the future; only the simulated market has one")
    return min(moment, wall)


def parse_day(text: str) -> date:
    """Return the date written `2015-01-02`; `UsageError` if it is not written so."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"can't read {text!r} as a date: expected one such as 2015-01-02") from None


@dataclass(frozen=True, slots=True)
class Span:
    """Calendar dates from `first` to `last`, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        """`2020-01` for a whole month, else `first to last`."""
        whole = self.first.day == 1 and self.last == month_span(self.first).last
        return f"{self.first:%Y-%m}" if whole else f"{self.first} to {self.last}"


def month_span(day: date) -> Span:
    """Return the calendar month that contains `day`."""
    return Span(day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))


def parse_month(text: str) -> Span:
    """Return the month written `2020-01`; `UsageError` if it is not written so."""
    match = _MONTH.fullmatch(text)
    try:
        if match:
            return month_span(date(int(match[1]), int(match[2]), 1))
    except ValueError:
        pass
    raise UsageError(f"can't read {text!r} as a holdout: expected a month such as 2020-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The shape of a recurrent network; everything that makes one compiled training step.

    Attributes
    ----------
    lookback, layers, units
        Sessions in a window, LSTM layers, units in each.
    dropout
        Share of outputs dropped after each LSTM layer while training, 0 <= dropout < 1.
    batch_size, learning_rate
        Windows a step; Adam's step size.
    """

    lookback: int
    layers: int
    units: int
    dropout: float
    batch_size: int
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceIssue:
    """A row that was kept aside, with its reason and its values."""

    session: date
    kind: str
    detail: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Daily bars of one ticker and the rows kept aside.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model with all that made it.

    Attributes
    ----------
    weights, weights_sha256
        The arrays as `registry.pack_weights` wrote them, and their checksum.
    config
        JSON: the spec it was trained by, and its fitted scaler.
    windows, loss
        How many windows it learned from; their mean loss in the last epoch, on scaled values.
    data_sha256
        Checksum of the training values.
    """

    model_id: str
    spec: str
    ticker: str
    target: Target
    lookback: int
    trained_from: date
    cutoff: date
    seed: int
    epochs: int
    loss: float
    windows: int
    weights: bytes
    weights_sha256: str
    config: dict[str, Any]
    data_sha256: str
    versions: dict[str, str]
    trained_at: datetime
    train_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One forecast as issued. Prices in quote currency; `cutoff` is the last session it may know."""

    forecast_id: str
    ticker: str
    target: Target
    spec: str
    cutoff: date
    kind: Kind
    target_session: date
    target_opens_at: datetime
    model_id: str
    issued_at: datetime
    predicted: float
    naive: float
    last_close: float
    window_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A holdout, forecast one session ahead by a model that knew nothing of it.

    Attributes
    ----------
    forecasts
        Index `session`, columns `actual`, `predicted`, `naive`, `last_close`, in quote currency.
    metrics
        `metrics[model][metric]`; model is the spec, `naive` or `last_close`.
    training_sessions, windows
        Sessions the model was fitted on and the windows cut from them.
    losses
        Mean squared error of each training epoch, on scaled values.
    """

    backtest_id: str
    ticker: str
    spec: str
    target: Target
    trained_from: date
    cutoff: date
    holdout: Span
    seed: int
    epochs: int
    training_sessions: int
    windows: int
    losses: Sequence[float]
    created_at: datetime
    forecasts: pd.DataFrame
    metrics: Mapping[str, Mapping[str, float]]
