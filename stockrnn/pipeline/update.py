"""Prices in: from files that the user names, or from a source every night."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine

from stockrnn.bars import check_bars
from stockrnn.calendars import Calendar, calendar_at, calendar_name
from stockrnn.errors import PriceFileError
from stockrnn.pipeline.job import Job
from stockrnn.sources.csv_file import read_price_file, require_mostly_good
from stockrnn.sources.simulated import fetch_simulated
from stockrnn.store.engine import writing
from stockrnn.store.prices import SIMULATED, Written, write_bars
from stockrnn.types import BAR_COLUMNS, Bars, SourceName


def import_prices(
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
        What each file brought, in the order given.

    Raises
    ------
    PriceFileError, MixedSourcesError, UnknownCalendarError
    """
    sessions = calendar_at(calendar or calendar_name(ticker), as_of)
    checked = [_read_checked(path, sessions, as_of) for path in files]
    _require_agreement(files, checked)
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
            )
            for bars in checked
        ]


def update_prices(job: Job, *, source: SourceName) -> Written | None:
    """Bring the job's ticker up to date from `source`; None where the source is what is stored already."""
    if source == "stored":
        return None
    sessions = calendar_at(calendar_name(job.ticker), job.as_of)
    frame = fetch_simulated(job.ticker, calendar=sessions, as_of=job.as_of)
    with writing(job.engine) as connection:
        return write_bars(
            connection,
            job.ticker,
            Bars(frame=frame),
            calendar=sessions.name,
            currency=None,
            source=SIMULATED,
            observed_at=job.as_of,
        )


def _require_agreement(files: Sequence[Path], checked: Sequence[Bars]) -> None:
    """Refuse files that give one session different prices: nobody can know which one is right."""
    seen: dict[object, tuple[Path, tuple[float, ...]]] = {}
    for path, bars in zip(files, checked, strict=True):
        prices = bars.frame[["open", "high", "low", "close"]]
        for session, row in zip(prices.index, prices.itertuples(index=False, name=None), strict=True):
            other, known = seen.setdefault(session, (path, row))
            if known != row:
                raise PriceFileError(
                    path,
                    f"{session:%Y-%m-%d} has other prices here {row} than in {other.name} {known}",
                    "keep the file that is right, or import them one after the other",
                )


def _read_checked(path: Path, calendar: Calendar, as_of: datetime) -> Bars:
    rows: pd.DataFrame = read_price_file(path)
    bars = check_bars(rows, closes=calendar.table["closes"], as_of=as_of)
    require_mostly_good(path, bars)
    return Bars(frame=bars.frame[list(BAR_COLUMNS)], issues=bars.issues)
