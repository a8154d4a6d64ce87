"""The client: one ticker at a time, an outage tried again, every failure mapped to an error of ours."""

import logging
import tempfile
import warnings
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import yfinance
from yfinance import cache as yfinance_cache
from yfinance import data as yfinance_data
from yfinance.exceptions import YFPricesMissingError

from stockrnn.errors import NoPriceDataError, PriceSourceError, UsageError
from stockrnn.market.calendars import Calendar
from stockrnn.sources.http import describe_failure, try_again
from stockrnn.sources.yahoo import session
from stockrnn.sources.yahoo.chart import find_duplicates, read_actions, read_days
from stockrnn.sources.yahoo.names import TITLE
from stockrnn.types import BAR_COLUMNS, Download, Span, parse_currency

_OK = 200
_PRIVATE = 0o700
_COLUMNS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
}


class YahooClient:
    """One session to Yahoo; asks for one ticker at a time.

    Parameters
    ----------
    cache
        Folder for yfinance's own files; made private, because one of them is a pickle.
    requests_per_second
        The most requests it sends.
    retry_seconds
        How long it waits at most before the second attempt, a random part of it; twice as long before the third.
    """

    def __init__(self, *, cache: Path, requests_per_second: float, retry_seconds: float = 1.0) -> None:
        # absolute, because it outlives this client and perhaps the working folder
        yfinance.set_tz_cache_location(str(_make_private(cache).resolve()))
        # otherwise every failure is a log line and an empty table
        yfinance.config.debug.hide_exceptions = False
        logging.getLogger("yfinance").setLevel(logging.CRITICAL)
        self._session = session.YahooSession(requests_per_second=requests_per_second)
        self._retry_seconds = retry_seconds

    def fetch(self, ticker: str, span: Span, calendar: Calendar) -> Download:
        """Return what Yahoo tells of the sessions in `span`, prices as traded but for splits.

        An outage is tried again, up to 3 times within 10 seconds.

        Raises
        ------
        NoPriceDataError
            Yahoo answers that it has none: an unknown symbol, or no session in this span.
        RateLimitedError
            Yahoo refuses further requests.
        PriceSourceError
            No usable answer.
        """
        return try_again(self._fetch_once, ticker, span, calendar.timezone, retry_seconds=self._retry_seconds)

    def _fetch_once(self, ticker: str, span: Span, timezone: str) -> Download:
        # a garbled answer would be replayed for the life of the process
        yfinance_data.YfData.cache_get.cache_clear()
        try:
            # the exchange's timezone, known beforehand, saves a request per ticker
            if yfinance_cache.get_tz_cache().lookup(ticker) != timezone:
                yfinance_cache.get_tz_cache().store(ticker, timezone)
            return _read(self._read_history(ticker, span), self._session.chart["result"][0], span)
        except YFPricesMissingError as error:
            if self._session.status != _OK:
                problem = f"it refuses the request: HTTP status {self._session.status}"
                raise PriceSourceError(problem, source=TITLE) from None
            reason = error.yahoo_reason or f"none from {span.first} to {span.last}"
            raise NoPriceDataError(ticker, reason, source=TITLE) from None
        except NoPriceDataError as error:
            raise NoPriceDataError(ticker, error.reason, source=TITLE) from None  # the session knew only its address
        except PriceSourceError:
            raise
        except Exception as error:  # whatever yfinance stumbles over, in a damaged answer or its own files
            raise PriceSourceError(f"yfinance failed on {ticker}: {describe_failure(error)}", source=TITLE) from error

    def _read_history(self, ticker: str, span: Span) -> pd.DataFrame:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas' forecasts about yfinance's own code
            table: pd.DataFrame = yfinance.Ticker(ticker, session=self._session).history(
                start=span.first,
                end=span.last + timedelta(days=1),
                interval="1d",
                auto_adjust=False,
                actions=True,
                keepna=True,
                repair=False,
            )
        return table


def _make_private(folder: Path) -> Path:
    """Make a folder that only its owner can read; a temporary one where that place can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(_PRIVATE)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="stockrnn-"))
    return folder


def _read(table: pd.DataFrame, result: Mapping[str, Any], span: Span) -> Download:
    # the local date stands in the index; converting to UTC first would shift it
    sessions = pd.DatetimeIndex(table.index).tz_localize(None).as_unit("s").rename("session")
    bars = table.rename(columns=_COLUMNS)[list(BAR_COLUMNS)].astype("float64").set_axis(sessions, axis=0)
    duplicates = find_duplicates(result, bars)
    asked = (bars.index >= pd.Timestamp(span.first)) & (bars.index <= pd.Timestamp(span.last))
    # yfinance makes a row of nothing for a dividend on a day without a bar
    sent = bars.index.isin(read_days(result))
    meta = result["meta"]
    return Download(
        rows=bars.loc[asked & sent].reset_index(),
        actions=read_actions(result),
        issues=duplicates,
        currency=_read_currency(meta.get("currency")),
        timezone=meta["exchangeTimezoneName"],
    )


def _read_currency(said: object) -> str | None:
    """Return the currency, which is only shown; None where there is no such text."""
    try:
        return parse_currency(str(said))
    except UsageError:
        return None
