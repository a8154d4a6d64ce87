"""The session that yfinance asks through: it says what happened before yfinance sees it.

yfinance asks a second time at once for every status from 400 on, waits up to 30 seconds for a cookie it can do
without, and turns most failures into "possibly delisted".
"""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from curl_cffi import requests

from stockrnn.errors import NoPriceDataError, PriceSourceError
from stockrnn.sources.http import SourceSession, refuse_outage
from stockrnn.sources.yahoo.names import TITLE

_CHART = "/v8/finance/chart/"
_REFUSED = (401, 403)
_NOT_FOUND = 404
_BAD_REQUEST = 400
_MAX_SHOWN = 60
# Cookies come from hosts that some networks block; charts are served without them.
_COOKIE_HOSTS = ("fc.yahoo.com", "guce.yahoo.com", "consent.yahoo.com")


class YahooSession(SourceSession):
    """A browser-like session for the real client.

    Attributes
    ----------
    chart, status
        The last chart that came, as decoded JSON, and its HTTP status; empty where Yahoo refused the cookie, which
        yfinance then renews.
    """

    def __init__(self, *, requests_per_second: float, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(title=TITLE, requests_per_second=requests_per_second, sleep=sleep, impersonate="chrome")
        self.chart: dict[str, Any] = {}
        self.status = 0

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Send a request when its turn has come.

        Raises
        ------
        RateLimitedError, NoPriceDataError, PriceSourceError
        """
        host, path = urlsplit(url).hostname, urlsplit(url).path
        if host in _COOKIE_HOSTS:
            return self.send_unmapped(method, url, *args, **kwargs)
        response = super().request(method, url, *args, **kwargs)
        if path.startswith(_CHART):
            self.status = response.status_code
            self.chart = _read_chart(response, ticker=path.removeprefix(_CHART))
        return response


def _read_chart(response: requests.Response, *, ticker: str) -> dict[str, Any]:
    """Return the chart's JSON; raise for every answer that is none or that names a problem."""
    status = response.status_code
    refuse_outage(status, title=TITLE)
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
