"""Which tickers and which specs a run is about."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine

from stockrnn.errors import UsageError
from stockrnn.market.calendars import calendar_at
from stockrnn.market.symbols import find_calendar_name
from stockrnn.settings import Settings
from stockrnn.sources.source import Source
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_calendar_name, read_inactive_tickers, read_tickers

_DAY = timedelta(hours=24)


def choose_tickers(
    settings: Settings, engine: Engine, tickers: Sequence[str] | None, source: Source | None = None
) -> list[str]:
    """Return the tickers asked for, else the source's own, else those of the settings, else all real ones stored.

    One that has become inactive is left out unless it is asked for. `source` is None where no prices are brought in.

    Raises
    ------
    UsageError
        There is none.
    """
    if tickers:
        return list(dict.fromkeys(tickers))
    if source is not None and source.default_tickers:
        return list(source.default_tickers)
    with reading(engine) as connection:
        stored = read_tickers(connection, simulated=False)
        inactive = read_inactive_tickers(connection)
    chosen = [ticker for ticker in settings.tickers if ticker not in inactive] if settings.tickers else stored
    if not chosen:
        raise UsageError(
            "no tickers: name some with --ticker or as tickers = [...] in stockrnn.toml, or import prices first "
            "('stockrnn prices import FILE --ticker META'); inactive ones count only where --ticker names them"
        )
    return chosen


def choose_specs(settings: Settings, spec: str | None, *, epochs: int | None) -> tuple[Settings, tuple[str, ...]]:
    """Return the specs of a night, the one named or all that are nightly, and settings in which they train `epochs`.

    Raises
    ------
    UnknownSpecError
        There is none of that name.
    UsageError
        None is named, and none is nightly.
    """
    names = (spec,) if spec else settings.nightly_specs
    if not names:
        raise UsageError("no spec is nightly: set nightly = true for one in stockrnn.toml, or name one with --spec")
    for name in names:
        settings = settings.with_epochs(name, epochs)
    return settings, names


def had_session(settings: Settings, engine: Engine, tickers: Sequence[str], *, as_of: datetime) -> bool:
    """Whether the exchange of any of the tickers closed a session in the 24 hours up to `as_of`.

    Raises
    ------
    UnknownCalendarError
    """
    with reading(engine) as connection:
        stored = {ticker: read_calendar_name(connection, ticker) for ticker in tickers}
    names = {find_calendar_name(one, named=settings.calendars, stored=name) for one, name in stored.items()}
    calendars = [calendar_at(name, as_of) for name in names]
    return any(as_of - calendar.closes_at(calendar.last_closed(as_of)) <= _DAY for calendar in calendars)
