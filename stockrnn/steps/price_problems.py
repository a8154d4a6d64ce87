"""What is to be said of the tickers' prices: bars that were quarantined, jumps as of a split, tickers left out."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection

from stockrnn.errors import StockrnnError
from stockrnn.settings import Settings
from stockrnn.steps.run import find_calendar
from stockrnn.store.instruments import Instrument, read_inactive, read_instrument
from stockrnn.store.possible_splits import read_possible_splits
from stockrnn.store.quarantined import describe_quarantined, read_quarantined


def describe_unusable(
    connection: Connection, settings: Settings, tickers: Sequence[str], *, now: datetime
) -> Iterator[str]:
    """Yield one line for each ticker that is behind because the newest bars of its source were quarantined."""
    for ticker, rows in groupby(read_quarantined(connection), key=lambda row: row.ticker):
        if ticker in tickers and _is_behind(connection, settings, ticker, now=now):
            yield (
                f"{ticker}: {describe_quarantined(list(rows))}; the next night asks again, "
                f"'stockrnn prices check --ticker {ticker}' shows the rows"
            )


def describe_possible_splits(connection: Connection) -> Iterator[str]:
    """Yield one line for each ticker whose stored prices jump as by a split that is not known."""
    for ticker, sessions in groupby(read_possible_splits(connection), key=lambda found: found[0]):
        days = [session for _, session in sessions]
        jumps = f"the price jumps into {days[-1]}"
        jumps += f", and into {len(days) - 1} earlier sessions," if days[1:] else ""
        yield (
            f"{ticker}: {jumps} as by a split that no source told of; 'stockrnn prices check --ticker {ticker}' "
            "says what to do"
        )


def describe_inactive(connection: Connection) -> Iterator[str]:
    """Yield one line for each ticker that nights leave out, with the reason and what would bring it back.

    Someone has to decide what becomes of it, but not tonight: it is a warning, not a problem, and never goes away by
    itself.
    """
    for one in read_inactive(connection):
        yield (
            f"{one.ticker}: inactive{_reason(one)}; nights leave it out. Where it still trades, "
            f"'stockrnn prices update --ticker {one.ticker}' asks again; a new name is a new ticker"
        )


def _is_behind(connection: Connection, settings: Settings, ticker: str, *, now: datetime) -> bool:
    """Whether a session has settled since the last stored one; False where that can't be told."""
    stored = read_instrument(connection, ticker)
    try:
        calendar = find_calendar(connection, settings, ticker, as_of=now)
    except StockrnnError:  # said of the ticker anyway
        return False
    settled = calendar.last_settled(now, settle_hours=settings.settle_hours)
    return stored is not None and (stored.last_session is None or stored.last_session < settled)


def _reason(stored: Instrument) -> str:
    if stored.no_data_at is None:
        return ""
    nights = f"{stored.no_data_nights} nights in a row" if stored.no_data_nights > 1 else "a night"
    return f" since {stored.no_data_at:%Y-%m-%d}: its source had no data on {nights} while other tickers had some"
