"""A Tiingo of one's own on the loopback: it tells the market of a `FakeYahoo` in its own way, at the same time.

As its documentation of end-of-day prices says: a list of rows with prices as they were traded, beside them adjusted
ones, the cash of a dividend and the factor of a split at their ex-date; a token in a header; JSON with a `detail` for
what goes wrong. https://www.tiingo.com/documentation/end-of-day
"""

import json
from datetime import date

from loopback import FAULTS, Answer, FakeSource, Request
from yahoo_market import ADJ_CLOSE, CLOSE, TRADED, Listing, seconds
from yahoo_server import FakeYahoo

TOKEN = "token-of-the-loopback"  # noqa: S105  # opens nothing
DAILY = "/tiingo/daily/"
# when its bars are there after a session's close: half past five in the evening in New York
DELAY_SECONDS = 5400


def _json(status: int, content: object) -> Answer:
    return Answer(status, json.dumps(content).encode())


def _detail(status: int, text: str) -> Answer:
    return _json(status, {"detail": text})


USED_UP = "Error: You have run over your hourly request allocation. Please upgrade to have your limits increased."
FAILURES = {
    "401": _detail(401, "Invalid token."),
    "403": _detail(403, "You do not have permission to access this"),
    "404": _detail(404, "Not found."),
    "400": _detail(400, "Error: startDate is no date"),
    "429": _detail(429, USED_UP),
    "used up": _json(200, [USED_UP]),
    "500": _detail(500, "A server error occurred."),
    "503": Answer(503, b"<html><body>Service Unavailable</body></html>", "text/html"),
    "garbled": Answer(200, b'[{"date": "2024-01-02T00:00'),
    "html": Answer(200, b"<html><body>Welcome</body></html>", "text/html"),
    "object": _json(200, {"date": "2024-01-02"}),
    "empty": _json(200, []),
    "no field": _json(200, [{"date": "2024-01-02T00:00:00.000Z", "close": 1.0}]),
    "text": _json(200, [{"date": "2024-01-02T00:00:00.000Z", "close": "1.0"}]),
    "token": _detail(400, f"the token {TOKEN} is not welcome"),
}


class FakeTiingo(FakeSource):
    """Answers on `127.0.0.1:port` as Tiingo would at the time of `market`.

    Attributes
    ----------
    factors
        What the prices of a ticker are multiplied by.
    """

    hows = frozenset({*FAILURES, *FAULTS})

    def __init__(self, market: FakeYahoo) -> None:
        super().__init__()
        self.factors: dict[str, float] = {}
        self.hidden: dict[str, set[date]] = {}
        self._market = market

    @property
    def symbols(self) -> list[str]:
        """The symbol of each request."""
        return [request.path.removeprefix(DAILY).removesuffix("/prices") for request in self.requests]

    def hide(self, ticker: str, *sessions: date) -> None:
        """Leave the rows of sessions out."""
        self.hidden.setdefault(ticker, set()).update(sessions)

    def answer(self, request: Request) -> Answer:
        """Return what to send, and keep the request."""
        with self._lock:
            self.requests.append(request)
            if request.headers.get("Authorization") != f"Token {TOKEN}":
                return _detail(401, "Please supply a token")
            ticker = self.symbols[-1].upper()
            how = self._find_failure(ticker)
            if how in FAILURES:
                return FAILURES[how]
            answer = self._answer_prices(request, ticker)
            return Answer(answer.status, answer.body, fault=how) if how in FAULTS else answer

    def _answer_prices(self, request: Request, ticker: str) -> Answer:
        now = seconds(self._market.now)
        listing = self._market.listing(ticker)
        if not request.path.endswith("/prices") or listing is None or not listing.is_known(now):
            return _detail(404, f"Error: Ticker '{ticker}' not found")
        first = date.fromisoformat(request.params["startDate"])
        end = request.params.get("endDate")
        rows = [
            row
            for row in make_rows(listing, now, factor=self.factors.get(ticker, 1.0))
            if (day := date.fromisoformat(row["date"][:10])) >= first
            and (end is None or day <= date.fromisoformat(end))
            and day not in self.hidden.get(ticker, ())
        ]
        return _json(200, rows)


def make_rows(listing: Listing, now: float, *, factor: float = 1.0) -> list[dict]:
    """Return a row for every session whose bar is there, oldest first."""
    count = int(listing.closes.searchsorted(now - DELAY_SECONDS, side="right"))
    adjusted = listing.restated(now)  # prices in the shares of now
    traded = listing.as_traded(now)
    dividends = {dividend.position: dividend.amount for dividend in listing.dividends}
    splits = {split.position: split.ratio for split in listing.splits}
    rows = []
    for position in range(count):
        raw = dict(zip(TRADED, traded[position].tolist(), strict=True))
        ratio = adjusted[position, ADJ_CLOSE] / raw["close"]
        prices = {name: raw[name] * factor for name in ("open", "high", "low", "close")}
        rows.append(
            {
                "date": f"{listing.sessions[position].date()}T00:00:00.000Z",
                **prices,
                "volume": int(raw["volume"]),
                **{f"adj{name.capitalize()}": value * ratio for name, value in prices.items()},
                "adjVolume": int(raw["volume"] * adjusted[position, CLOSE] / raw["close"]),
                "divCash": dividends.get(position, 0.0),
                "splitFactor": splits.get(position, 1.0),
            }
        )
    return rows
