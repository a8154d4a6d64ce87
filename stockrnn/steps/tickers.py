"""Which tickers a run is about."""

from collections.abc import Sequence

from sqlalchemy import Engine

from stockrnn.errors import UsageError
from stockrnn.settings import Settings
from stockrnn.sources.source import Source
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_inactive_tickers, read_tickers


def choose_tickers(settings: Settings, engine: Engine, tickers: Sequence[str] | None, source: Source) -> list[str]:
    """Return the tickers asked for, else those of the settings, else all in the store that the source serves.

    One that has become inactive is left out unless it is asked for.

    Raises
    ------
    UsageError
        There is none.
    """
    if tickers:
        return list(dict.fromkeys(tickers))
    if source.simulated:
        return list(settings.tickers or source.default_tickers)
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
