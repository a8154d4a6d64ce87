"""How a price, a share, a date and a span are written. Pure text."""

import math
from datetime import date

from stockrnn.types import Span, month_span

MISSING = "n/a"
_WHOLE_UNITS_FROM = 100_000.0
_MAX_DECIMALS = 12
_DECIMALS, _FEW_DIGITS_BELOW, _NOTHING_BELOW = 4, 0.01, 1e-9


def price_decimals(scale: float) -> int:
    """Decimals that tell two prices near `scale` apart: 0 from 100,000 on, 2 from 1 on, else 4 digits.

    >>> [price_decimals(scale) for scale in (600_000.0, 713.0, 0.5, 0.0001)]
    [0, 2, 4, 7]
    """
    size = abs(scale)
    if not math.isfinite(size) or size == 0.0:
        return 2
    if size >= 1.0:
        return 0 if size >= _WHOLE_UNITS_FROM else 2
    return min(3 - math.floor(math.log10(size)), _MAX_DECIMALS)


def format_number(value: float) -> str:
    """Write any number of a table: 4 decimals, below 0.01 at least 4 digits, from 100,000 on whole units.

    >>> format_number(713.25), format_number(0.000004456), format_number(123456.78), format_number(0.0)
    ('713.2500', '0.000004456', '123,457', '0.0000')
    """
    size = abs(value)
    if size >= _WHOLE_UNITS_FROM:
        return f"{value:,.0f}"
    few = _NOTHING_BELOW < size < _FEW_DIGITS_BELOW
    return f"{value:.{price_decimals(size) if few else _DECIMALS}f}"


def format_price(value: float, *, scale: float | None = None) -> str:
    """Write a price, or a difference of prices near `scale` with the decimals of that price.

    >>> format_price(716.3), format_price(0.5, scale=716.3), format_price(0.00012)
    ('716.30', '0.50', '0.0001200')
    """
    if not math.isfinite(value):
        return MISSING
    return f"{value:,.{price_decimals(value if scale is None else scale)}f}"


def format_amount(value: float, *, scale: float, currency: str | None) -> str:
    """Write a price with its currency, where one is known."""
    text = format_price(value, scale=scale)
    return text if currency is None or text == MISSING else f"{text} {currency}"


def format_share(share: float) -> str:
    """Write a share of 0..1 in whole percent.

    >>> format_share(0.4762)
    '48 %'
    """
    return f"{100 * share:.0f} %" if math.isfinite(share) else MISSING


def format_day(day: date) -> str:
    """Write a date as `8 October 2025`."""
    return f"{day.day} {day:%B %Y}"


def format_weekday(day: date) -> str:
    """Write a date as `Wednesday 8 October 2025`."""
    return f"{day:%A} {format_day(day)}"


def format_span(span: Span) -> str:
    """Write a whole month as `January 2020`, any other span by its two dates."""
    if span == month_span(span.first):
        return f"{span.first:%B %Y}"
    if span.first == span.last:
        return format_day(span.first)
    return f"{format_day(span.first)} to {format_day(span.last)}"


def format_seconds(seconds: float) -> str:
    """Write how long something took: below 100 seconds with one decimal, below 1 with two.

    >>> [format_seconds(seconds) for seconds in (0.0004, 0.0421, 4.21, 4321.5)]
    ['< 0.01', '0.04', '4.2', '4,322']
    """
    if seconds < 0.005:  # noqa: PLR2004  # would be written as 0.00
        return "< 0.01"
    decimals = 2 if seconds < 1 else 1 if seconds < 100 else 0  # noqa: PLR2004  # seconds
    return f"{seconds:,.{decimals}f}"
