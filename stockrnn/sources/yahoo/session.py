"""The one HTTP session to Yahoo: polite, bounded in time, and clear about what went wrong.

yfinance asks a second time at once for every status from 400 on, waits up to 30 seconds for a cookie it can do
without, and turns most failures into "possibly delisted". So the session says what happened before yfinance sees it.
"""

import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from curl_cffi import CurlECode, requests
from curl_cffi.requests.exceptions import RequestException

from stockrnn.errors import NoPriceDataError, PriceSourceError, RateLimitedError
from stockrnn.sources.yahoo.names import TITLE

_CHART = "/v8/finance/chart/"
_REFUSED = (401, 403)
_TOO_MANY = 429
_NOT_FOUND = 404
_BAD_REQUEST = 400
_SERVER_ERROR = 500
_NO_CONNECTION = (CurlECode.COULDNT_RESOLVE_PROXY, CurlECode.COULDNT_RESOLVE_HOST, CurlECode.COULDNT_CONNECT)
_CONNECT_SECONDS = 4.0
_READ_SECONDS = 10.0
_MAX_SHOWN = 60
_PROXY = re.compile("'.*'|(?<=resolve proxy: ).*", re.DOTALL)
# Cookies come from hosts that some networks block; charts are served without them.
_COOKIE_HOSTS = ("fc.yahoo.com", "guce.yahoo.com", "consent.yahoo.com")


class YahooSession(requests.Session[requests.Response]):
    """A browser-like session for the real client.

    Attributes
    ----------
    chart, status
        The last chart that came, as decoded JSON, and its HTTP status; empty where Yahoo refused the cookie, which
        yfinance then renews.
    """

    def __init__(self, *, requests_per_second: float, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(impersonate="chrome")
        self.chart: dict[str, Any] = {}
        self.status = 0
        self._interval = 1 / requests_per_second
        self._sleep = sleep
        self._next = 0.0

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Send a request when its turn has come.

        Raises
        ------
        RateLimitedError, NoPriceDataError, PriceSourceError
        """
        host, path = urlsplit(url).hostname, urlsplit(url).path
        self._wait_for_turn()
        kwargs["timeout"] = (_CONNECT_SECONDS, _READ_SECONDS)
        if host in _COOKIE_HOSTS:
            cookie: requests.Response = super().request(method, url, *args, **kwargs)
            return cookie
        try:
            response: requests.Response = super().request(method, url, *args, **kwargs)
        except RequestException as error:
            affects_all = _is_no_connection(error)
            # from None: curl's own words may repeat the password of a proxy
            raise PriceSourceError(describe_failure(error), source=TITLE, affects_all=affects_all) from None
        if path.startswith(_CHART):
            self.status = response.status_code
            self.chart = _read_chart(response, ticker=path.removeprefix(_CHART))
        return response

    def _wait_for_turn(self) -> None:
        now = time.monotonic()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self._interval


def _is_no_connection(error: RequestException) -> bool:
    """Whether no server was reached at all: another ticker would fare the same."""
    if error.code == CurlECode.OPERATION_TIMEDOUT:
        return "Resolving timed out" in str(error) or "Connection timed out" in str(error)
    return error.code in _NO_CONNECTION


def describe_failure(error: Exception) -> str:
    """Return an error's kind and words, without the address of a proxy, which may hold a password."""
    # curl's own words stand between a phrase that says nothing and an address of its manual
    text = str(error).removeprefix("Failed to perform, ").rpartition(" See http")[0] or str(error)
    if "roxy" in text:
        text = _PROXY.sub("what HTTPS_PROXY says", text)
    return f"{type(error).__name__}: {' '.join(text.split()).rstrip('. ')}"


def _read_chart(response: requests.Response, *, ticker: str) -> dict[str, Any]:
    """Return the chart's JSON; raise for every answer that is none or that names a problem."""
    status = response.status_code
    if status == _TOO_MANY:
        raise RateLimitedError(source=TITLE)
    if status >= _SERVER_ERROR:
        raise PriceSourceError(f"it answers with HTTP status {status}", source=TITLE)
    if status in _REFUSED:
        return {}
    try:
        chart = json.loads(response.content)["chart"]
        reason = str(chart["error"] and chart["error"]["description"])
    except (ValueError, KeyError, TypeError):
        start = " ".join(response.text[:_MAX_SHOWN].split())
        raise PriceSourceError(f"it answers with something that is no chart: {start!r}", source=TITLE) from None
    if status == _NOT_FOUND or (status == _BAD_REQUEST and "doesn't exist" in reason):
        raise NoPriceDataError(ticker, reason, source=TITLE)
    if status >= _BAD_REQUEST:
        raise PriceSourceError(f"it refuses the request: HTTP status {status}, {reason}", source=TITLE)
    return dict(chart)
