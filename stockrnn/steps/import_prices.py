"""Prices in from what is at hand: files that the user names, and the simulated market."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine

from stockrnn.errors import PriceFileError
from stockrnn.market.bars import check_bars
from stockrnn.market.calendars import Calendar, calendar_at
from stockrnn.market.symbols import calendar_name
from stockrnn.settings import Settings
from stockrnn.sources.csv_file import read_price_file, require_mostly_good
from stockrnn.sources.simulated import fetch_simulated
from stockrnn.steps.job import Job
from stockrnn.store.engine import reading, writing
from stockrnn.store.instruments import SIMULATED, read_instrument, write_updated
from stockrnn.store.prices import Written, write_bars
from stockrnn.types import Bars

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
        stored = read_instrument(connection, ticker)
    named = calendar or settings.calendars.get(ticker) or (stored and stored.calendar)
    sessions = calendar_at(named or calendar_name(ticker), as_of)
    checked = [_read_checked(path, sessions, as_of, settle_hours=settings.settle_hours) for path in files]
    _require_agreement(files, checked)
    spans = [day.date() for bars in checked for day in bars.frame.index[[0, -1]]]
    aside = pd.DatetimeIndex([issue.session for bars in checked for issue in bars.issues]).as_unit("ns")
    expected = [None] * (len(files) - 1) + [sessions.sessions(min(spans), max(spans)).difference(aside)]
    with writing(engine) as connection:
        return [
            write_bars(
                connection,
                ticker,
                bars,
                calendar=sessions.name,
                currency=currency,
                source="csv",
                observed_at=as_of,
                expected=between,
            )
            for bars, between in zip(checked, expected, strict=True)
        ]


def update_simulated(job: Job) -> Written:
    """Bring the job's ticker up to date from the simulated market, whose time is simulated too."""
    sessions = job.find_calendar(None)
    frame = fetch_simulated(job.ticker, calendar=sessions, as_of=job.as_of)
    with writing(job.engine) as connection:
        written = write_bars(
            connection,
            job.ticker,
            Bars(frame=frame),
            calendar=sessions.name,
            currency=None,
            source=SIMULATED,
            observed_at=job.as_of,
        )
        write_updated(connection, job.ticker, calendar=sessions.name, currency=None, updated_at=job.as_of)
    return written


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


def _read_checked(path: Path, calendar: Calendar, as_of: datetime, *, settle_hours: float) -> Bars:
    rows = read_price_file(path)
    bars = check_bars(rows, closes=calendar.table["closes"], as_of=as_of, settle_hours=settle_hours)
    require_mostly_good(path, bars)
    return bars
