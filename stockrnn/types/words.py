"""Tickers, moments and spans: the words of the design, and how texts become them."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal, TypeAlias, TypeVar

import numpy as np
from pydantic import AfterValidator, Field, WithJsonSchema

from stockrnn.errors import InvalidTickerError, UsageError

Target: TypeAlias = Literal["open", "high", "low", "close", "adj_close"]
Kind: TypeAlias = Literal["live", "hindcast"]
ActionKind: TypeAlias = Literal["dividend", "split", "capital_gain"]
Market: TypeAlias = Literal["real", "simulated"]
Ruling: TypeAlias = Literal["promoted", "rejected", "rolled_back"]
Weights: TypeAlias = list[np.ndarray]

Dated = TypeVar("Dated", date, datetime)

PRICE_COLUMNS: tuple[str, ...] = ("open", "high", "low", "close", "adj_close")
BAR_COLUMNS: tuple[str, ...] = (*PRICE_COLUMNS, "volume")

CONTINUOUS_CALENDARS = ("24/7", "24/5", "CMES", "us_futures")
"""Those whose next session opens as the last one ends, weekends and holidays apart: crypto, currencies, futures."""
CONTINUOUS_HOURS = 12
"""On them a forecast of `close` is never live later than so long after its session opened."""

_MAX_TICKER_LENGTH = 32
_TICKER = re.compile(r"\^?[A-Z0-9](?:[A-Z0-9&_=-]|\.(?=[A-Z0-9]))*")
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_MONTH = re.compile(r"(?!0000)([0-9]{4})-(0[1-9]|1[0-2])")


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
    if len(ticker) > _MAX_TICKER_LENGTH or not _TICKER.fullmatch(ticker) or _ISIN.fullmatch(ticker):
        raise InvalidTickerError(text)
    return ticker


def _validate_ticker(text: str) -> str:
    # pydantic turns only ValueError into a message that names the field
    try:
        return parse_ticker(text)
    except InvalidTickerError as error:
        raise ValueError(str(error)) from None


# the schema is what a form can check before a run is made
_FORM = WithJsonSchema({"type": "string", "maxLength": 32, "pattern": r"^\^?[A-Za-z0-9][A-Za-z0-9&_=.-]*$"})
Ticker = Annotated[str, AfterValidator(_validate_ticker), _FORM]


def require_known_year(day: Dated) -> Dated:
    """Return a date or a time of the years that are reckoned with; `ValueError` for any other.

    Beyond them there are no calendars, and not far beyond them dates can no longer be added to.
    """
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(f"the year {day.year} is out of range: expected one from {_FIRST_YEAR} to {_LAST_YEAR}")
    return day


Day = Annotated[date, AfterValidator(require_known_year)]
Moment = Annotated[datetime, AfterValidator(require_known_year)]

# Bounds far beyond what anyone needs: within them nothing overflows, waits for ever or asks for all memory. A
# narrower one is Annotated[Hours, Field(le=72)]; as a default, Field(default=4, le=72), it would not count.
MAX_EPOCHS = 100_000
MAX_PROCESSES = 1024
Epochs = Annotated[int, Field(ge=1, le=MAX_EPOCHS)]
Sessions = Annotated[int, Field(ge=1, le=100_000)]
"""A number of sessions, at most four centuries of them."""
Days = Annotated[int, Field(ge=1, le=100_000)]
Nights = Annotated[int, Field(ge=1, le=100_000)]
Hours = Annotated[float, Field(ge=0, le=24 * 366)]
Seconds = Annotated[float, Field(ge=0, le=24 * 3600)]
Processes = Annotated[int, Field(ge=1, le=MAX_PROCESSES)]


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
    return _require_known_year(moment, text).astimezone(UTC)


def _parse_moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"can't read {text!r} as a time: expected 2020-01-31 or 2020-01-31T22:00:00+00:00") from None


def _require_known_year(day: Dated, text: str) -> Dated:
    try:
        return require_known_year(day)
    except ValueError as error:
        raise UsageError(f"{text!r} can't be used: {error}") from None


def limit_as_of(as_of: datetime, *, now: datetime) -> datetime:
    """Return `as_of` in UTC, or `now` where it is later on the same day, as the end of today is.

    Raises
    ------
    UsageError
        `as_of` is on a later day than `now`, or has no offset.
    """
    if as_of.tzinfo is None:
        raise UsageError(f"as-of {as_of} has no UTC offset: write {as_of.isoformat()}+00:00")
    moment = as_of.astimezone(UTC)
    if moment.date() > now.astimezone(UTC).date():
        raise UsageError(f"as-of {moment:%Y-%m-%d %H:%M} UTC is in the future; only the simulated market has one")
    return min(moment, now)


def parse_day(text: str) -> date:
    """Return the date written `2015-01-02`; `UsageError` if it is not written so, or its year is out of range."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"can't read {text!r} as a date: expected one such as 2015-01-02") from None
    return _require_known_year(day, text)


def parse_currency(text: str) -> str:
    """Return a currency's code as it is written, such as `USD`, or `GBp` for pence; `UsageError` for other texts."""
    if not _CURRENCY.fullmatch(text):
        raise UsageError(f"{text!r} is no currency: expected three letters, such as USD")
    return text


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
    """Return the month written `2020-01`; `UsageError` if it is not written so, or its year is out of range."""
    match = _MONTH.fullmatch(text)
    if not match:
        raise UsageError(f"can't read {text!r} as a holdout: expected a month such as 2020-01")
    return month_span(_require_known_year(date(int(match[1]), int(match[2]), 1), text))


def _validate_month(text: str) -> str:
    try:
        parse_month(text)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return text


Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$"), AfterValidator(_validate_month)]


def parse_holdout(text: str) -> Span:
    """Return the span of whole months written `2020-01` or `2019-01:2020-12`, both ends included.

    Raises
    ------
    UsageError
        It is not written so, or ends before it begins.

    >>> str(parse_holdout("2019-12:2020-01"))
    '2019-12-01 to 2020-01-31'
    """
    first, colon, last = text.partition(":")
    if not colon:
        return parse_month(text)
    span = Span(parse_month(first).first, parse_month(last).last)
    if span.last < span.first:
        raise UsageError(f"the holdout {text!r} ends before it begins: expected FIRST:LAST, such as 2019-01:2020-12")
    return span


def split_months(span: Span, *, months: int = 1) -> list[Span]:
    """Return the calendar months that `span` touches in groups of so many, oldest first; the last may have fewer.

    >>> [str(part) for part in split_months(parse_holdout("2019-11:2020-01"), months=2)]
    ['2019-11-01 to 2019-12-31', '2020-01']
    """
    each = [month_span(span.first)]
    while each[-1].last < span.last:
        each.append(month_span(date.fromordinal(each[-1].last.toordinal() + 1)))
    groups = [each[at : at + months] for at in range(0, len(each), months)]
    return [Span(group[0].first, group[-1].last) for group in groups]
