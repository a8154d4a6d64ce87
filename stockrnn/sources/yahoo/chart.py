"""What yfinance leaves out of a chart: actions with their own dates, and rows that stood there twice."""

import math
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pandas as pd

from stockrnn.types import BAR_COLUMNS, Action, ActionKind, PriceIssue

_PAYMENTS: dict[str, ActionKind] = {"dividends": "dividend", "capitalGains": "capital_gain"}
_FIELDS = ("open", "high", "low", "close", "volume")


def read_actions(result: Mapping[str, Any]) -> tuple[Action, ...]:
    """Return the corporate actions of a chart in order of their dates; several of a kind on a day are one.

    yfinance moves an action to the session before where its own has no bar yet. One without a positive, finite value
    is left out.
    """
    events, timezone = result.get("events") or {}, result["meta"]["exchangeTimezoneName"]
    found: dict[tuple[date, ActionKind], float] = {}
    for name, kind in _PAYMENTS.items():
        for event in (events.get(name) or {}).values():
            key = (_local_date(event["date"], timezone), kind)
            found[key] = found.get(key, 0.0) + float(event["amount"])  # a regular and a special dividend
    for event in (events.get("splits") or {}).values():
        key = (_local_date(event["date"], timezone), "split")
        if event["denominator"]:
            found[key] = found.get(key, 1.0) * float(event["numerator"]) / float(event["denominator"])
    usable = sorted((key, value) for key, value in found.items() if 0 < value < math.inf)
    return tuple(Action(ex_date=ex_date, kind=kind, value=value) for (ex_date, kind), value in usable)


def read_days(result: Mapping[str, Any]) -> pd.DatetimeIndex:
    """Return the exchange-local day of each row, naive midnight, as often as it stands there."""
    stamps = pd.DatetimeIndex(pd.to_datetime(result.get("timestamp") or [], unit="s", utc=True))
    # at changes of the clock Yahoo sometimes stamps a day an hour or two before its midnight
    local = stamps.tz_convert(result["meta"]["exchangeTimezoneName"]) + pd.Timedelta(hours=2)
    return local.tz_localize(None).normalize()


def find_duplicates(result: Mapping[str, Any], kept: pd.DataFrame) -> tuple[PriceIssue, ...]:
    """Return the rows of sessions that stood there twice and are not the row that was kept.

    kept: index `session`, columns `BAR_COLUMNS`. A copy that says the same is no issue.
    """
    return tuple(_find_duplicates(result, kept))


def _find_duplicates(result: Mapping[str, Any], kept: pd.DataFrame) -> Iterator[PriceIssue]:
    days = read_days(result)
    quote = result["indicators"]["quote"][0]
    for position in days.duplicated(keep=False).nonzero()[0]:
        day = days[int(position)]
        row = {name: quote[name][position] for name in _FIELDS}
        if day in kept.index and any(row[name] != kept.at[day, name] for name in _FIELDS):
            yield PriceIssue(
                session=day.date(),
                kind="duplicate_row",
                detail="the session stood there twice with different values; the other row was taken",
                raw={"session": str(day.date())} | {name: row.get(name) for name in BAR_COLUMNS},
            )


def _local_date(seconds: int, timezone: str) -> date:
    return pd.Timestamp(seconds, unit="s", tz="UTC").tz_convert(timezone).date()
