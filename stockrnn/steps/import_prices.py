"""Prices in from files that the user names."""

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine

from stockrnn.errors import PriceFileError
from stockrnn.market.bars import check_bars
from stockrnn.market.calendars import Calendar
from stockrnn.market.symbols import find_calendar_name
from stockrnn.settings import Settings
from stockrnn.sources.bar_spacing import require_daily
from stockrnn.sources.csv_file import read_price_file, require_mostly_good
from stockrnn.steps.exchange import find_days, load_exchange
from stockrnn.steps.liveness import explain_never_live
from stockrnn.store.calendar_changes import read_changes, resolve_missing
from stockrnn.store.engine import reading, writing
from stockrnn.store.instruments import IMPORTED, read_calendar_name
from stockrnn.store.prices import Written, write_bars
from stockrnn.types import Bars

LOG = logging.getLogger("stockrnn")

_OHLC = ["open", "high", "low", "close"]


def import_prices(
    settings: Settings,
    engine: Engine,
    files: Sequence[Path],
    *,
    ticker: str,
    calendar: str | None,
    currency: str | None,
    as_of: datetime,
) -> list[Written]:
    """Store the bars of price files under `ticker`, all of them or, if one can't be trusted, none.

    Returns
    -------
    list of Written
        What each file brought, in the order given; sessions missing between them are counted with the last one.

    Raises
    ------
    PriceFileError, MixedSourcesError, UnknownCalendarError
    """
    with reading(engine) as connection:
        stored = read_calendar_name(connection, ticker)
        named = {ticker: calendar} if calendar else settings.calendars
        name = find_calendar_name(ticker, named=named, stored=stored)
        believed = read_changes(connection, name)
    # a bar of a day that was taken as a closure is welcome
    sessions = load_exchange(settings, name, as_of=as_of, believed=[one for one in believed if one.kind == "session"])
    closures = pd.DatetimeIndex([one.session for one in believed if one.kind == "closure"]).as_unit("ns")
    checked = [_read_checked(path, sessions, as_of, settings=settings, ticker=ticker) for path in files]
    _require_agreement(files, checked)
    spans = [day.date() for bars in checked for day in bars.frame.index[[0, -1]]]
    quarantined = pd.DatetimeIndex([issue.session for bars in checked for issue in bars.issues]).as_unit("ns")
    expected = [None] * (len(files) - 1) + [
        sessions.known_sessions(min(spans), max(spans)).difference(quarantined.union(closures))
    ]
    never = explain_never_live(ticker, sessions, settings.target)
    if stored is None and never:
        LOG.warning("%s", never)
    with writing(engine) as connection:
        resolve_missing(connection, [ticker], find_days(settings.extra_closures, name), at=as_of, by="settings")
        return [
            write_bars(
                connection,
                ticker,
                bars,
                calendar=sessions.name,
                currency=currency,
                source=IMPORTED,
                observed_at=as_of,
                expected=between,
            )
            for bars, between in zip(checked, expected, strict=True)
        ]


def _require_agreement(files: Sequence[Path], checked: Sequence[Bars]) -> None:
    """Refuse files that give one session different prices: nobody can know which one is right."""
    for position, bars in enumerate(checked):
        for path, earlier in zip(files[:position], checked, strict=False):
            common = bars.frame.index.intersection(earlier.frame.index)
            here, there = bars.frame.loc[common, _OHLC], earlier.frame.loc[common, _OHLC]
            differs = (here != there).any(axis=1)
            if differs.any():
                session = pd.Timestamp(common[int(differs.to_numpy().argmax())])
                raise PriceFileError(
                    files[position],
                    f"{session:%Y-%m-%d} has other prices here {tuple(here.loc[session])} than in {path.name} "
                    f"{tuple(there.loc[session])}",
                    "keep the file that is right, or import them one after the other",
                )


def _read_checked(path: Path, calendar: Calendar, as_of: datetime, *, settings: Settings, ticker: str) -> Bars:
    rows = read_price_file(path, ticker=ticker)
    days = pd.DatetimeIndex(rows["session"])
    require_daily(path, rows["session"], expected=len(calendar.sessions(days[0].date(), days[-1].date())))
    closes = calendar.with_unknown_past(days).table["closes"]
    bars = check_bars(rows, closes=closes, as_of=as_of, settle_hours=settings.settle_hours)
    require_mostly_good(path, bars)
    return bars
