"""The client: one request for a ticker's whole answer, every failure mapped to an error of ours."""

import json
import re
from typing import Any

from curl_cffi import requests
from pydantic import SecretStr

from stockrnn.errors import NoPriceDataError, PriceSourceError, RateLimitedError
from stockrnn.market.calendars import Calendar
from stockrnn.sources.http import SourceSession, refuse_outage, try_again
from stockrnn.sources.tiingo.names import TITLE, TOKEN_VARIABLE
from stockrnn.sources.tiingo.rows import read_download
from stockrnn.types import Download, Span

API = "https://api.tiingo.com/tiingo/daily"
NEW_YORK = "America/New_York"
_LISTED = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Z]+)*")
_PREFERRED = re.compile(r"-P([A-Z])$")
_REFUSED = (401, 403)
_NOT_FOUND = 404
_OK = 200
_USED_UP = "run over your"
"""What its answers say once the account's requests are used up, whatever their status is."""
_MAX_SHOWN = 60


class TiingoClient:
    """One session to Tiingo; asks for one ticker at a time.

    Parameters
    ----------
    token
        That of the user's account; it stands in the request's header and nowhere else.
    requests_per_second
        The most requests it sends.
    retry_seconds
        How long it waits at most before the second attempt, a random part of it; twice as long before the third.
    """

    def __init__(self, *, token: SecretStr, requests_per_second: float, retry_seconds: float = 1.0) -> None:
        self._token = token
        self._session = SourceSession(title=TITLE, requests_per_second=requests_per_second)
        self._retry_seconds = retry_seconds

    def fetch(self, ticker: str, span: Span, calendar: Calendar) -> Download:
        """Return what Tiingo tells of the sessions in `span`, prices as traded but for splits.

        A symbol that Tiingo can't have is not asked for. An outage is tried again, up to 3 times within 10 seconds.

        Raises
        ------
        NoPriceDataError
            It has none: no share or fund of the United States, an unknown symbol, or no session in this span.
        RateLimitedError
            The account's requests are used up for the hour, the day or the month.
        PriceSourceError
            No usable answer, or a token that is refused.
        """
        symbol = find_symbol(ticker, calendar)
        if symbol is None:
            reason = "it lists shares and funds of the United States alone"
            raise NoPriceDataError(ticker, reason, source=TITLE)
        return try_again(self._fetch_once, ticker, symbol, span, retry_seconds=self._retry_seconds)

    def _fetch_once(self, ticker: str, symbol: str, span: Span) -> Download:
        response = self._session.get(
            f"{API}/{symbol}/prices",
            # to the newest: a split after the span is needed to restate the prices in it
            params={"startDate": span.first.isoformat(), "format": "json", "resampleFreq": "daily"},
            headers={"Authorization": f"Token {self._token.get_secret_value()}"},
            allow_redirects=False,
        )
        rows = self._read_rows(response, ticker)
        download = read_download(rows, span)
        if download.rows.empty:
            raise NoPriceDataError(ticker, f"none from {span.first} to {span.last}", source=TITLE)
        return download

    def _read_rows(self, response: requests.Response, ticker: str) -> list[dict[str, Any]]:
        """Return the answer's rows; raise for every answer that is none or that names a problem."""
        status, said = response.status_code, self._describe(response)
        if _USED_UP in response.text[:1000]:
            raise RateLimitedError(source=TITLE)
        refuse_outage(status, title=TITLE)
        if status in _REFUSED:
            problem = f"it refuses the token of {TOKEN_VARIABLE} (HTTP status {status}: {said})"
            raise PriceSourceError(problem, source=TITLE, affects_all=True, is_final=True)
        if status == _NOT_FOUND:
            raise NoPriceDataError(ticker, said, source=TITLE)
        if status != _OK:
            problem = f"it refuses the request: HTTP status {status}, {said}"
            raise PriceSourceError(problem, source=TITLE, is_final=True)
        try:
            rows = json.loads(response.content)
        except ValueError:
            rows = None
        if not isinstance(rows, list):
            raise PriceSourceError(f"it answers with something that is no list of prices: {said}", source=TITLE)
        return rows

    def _describe(self, response: requests.Response) -> str:
        """Return the start of what an answer says, without the token, should it be repeated there."""
        try:
            text = str(json.loads(response.content)["detail"])
        except (ValueError, KeyError, TypeError):
            text = response.text
        return repr(" ".join(text.replace(self._token.get_secret_value(), "...").split())[:_MAX_SHOWN])


def find_symbol(ticker: str, calendar: Calendar) -> str | None:
    """Return how Tiingo writes a Yahoo symbol of an American share or fund; None for others.

    It writes classes of shares as Yahoo does, BRK-B, and preferred ones with a hyphen more: BAC-P-L for BAC-PL.
    """
    if calendar.timezone != NEW_YORK or not _LISTED.fullmatch(ticker):
        return None
    return _PREFERRED.sub(r"-P-\1", ticker)
