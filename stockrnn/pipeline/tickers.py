"""Which tickers a run is about."""

from collections.abc import Sequence

from sqlalchemy import Engine

from stockrnn.errors import UsageError
from stockrnn.settings import Settings
from stockrnn.sources.simulated import DEMO_TICKERS
from stockrnn.store.engine import reading
from stockrnn.store.prices import read_tickers
from stockrnn.types import SourceName


def choose_tickers(
    settings: Settings, engine: Engine, tickers: Sequence[str] | None, source: SourceName
) -> list[str]:
    """Return the tickers asked for, else those of the settings, else all active ones that the source serves.

    Raises
    ------
    UsageError
        There is none.
    """
    if tickers:
        return list(dict.fromkeys(tickers))
    if source == "simulated":
        return list(DEMO_TICKERS)
    if settings.tickers:
        return list(settings.tickers)
    with reading(engine) as connection:
        stored = read_tickers(connection, simulated=False)
    if not stored:
        raise UsageError(
            "no tickers: name some with --ticker or as tickers = [...] in stockrnn.toml, or import prices first "
            "('stockrnn prices import FILE --ticker META')"
        )
    return stored
