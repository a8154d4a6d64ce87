"""A Yahoo of one's own on the loopback: every ticker, action and failure is as the test says, at the test's time."""

import json
from collections.abc import Collection
from datetime import date, datetime

import numpy as np
import pandas as pd
from loopback import FAULTS, Answer, FakeSource, Request
from yahoo_market import (
    FIELDS,
    TRADED,
    Actions,
    Correction,
    Dividend,
    Flaw,
    Listing,
    Split,
    make_chart,
    make_empty_chart,
    seconds,
)

from stockrnn.market.calendars import Calendar

CHART = "/v8/finance/chart/"
# yfinance takes an expiry after May 2033 for milliseconds, so no fixed date far ahead
COOKIE = "A3=d=AQABBLoopback&S=AQAAAg; Max-Age=31557600; Domain=.yahoo.com; Path=/; SameSite=None; HttpOnly"
CONSENT = """<html><body><form method="post"><input type="hidden" name="csrfToken" value="token"/>
<input type="hidden" name="sessionId" value="session"/></form></body></html>"""


def get_symbol(request: Request) -> str | None:
    """Return the ticker of a chart request, None for other requests."""
    return request.path.removeprefix(CHART) if request.path.startswith(CHART) else None


def _page(status: int, text: str) -> Answer:
    return Answer(status, f"<html><body>{text}</body></html>".encode(), "text/html")


def _json(status: int, content: dict) -> Answer:
    return Answer(status, json.dumps(content, separators=(",", ":")).encode())


def _chart(result: dict) -> Answer:
    return _json(200, {"chart": {"result": [result], "error": None}})


def _error(status: int, code: str, description: str) -> Answer:
    return _json(status, {"chart": {"result": None, "error": {"code": code, "description": description}}})


UNKNOWN = _error(404, "Not Found", "No data found, symbol may be delisted")
FAILURES = {
    "404": UNKNOWN,
    "400": _error(400, "Bad Request", "Data doesn't exist for startDate = 1, endDate = 2"),
    "401": _json(
        401, {"finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}
    ),
    "422": _error(422, "Unprocessable Entity", "Invalid range"),
    "429": Answer(429, b"Too Many Requests\r\n", "text/plain"),
    "500": _error(500, "Internal Server Error", "Internal server error"),
    "503": _page(503, "Service Unavailable"),
    "garbled": Answer(200, b'{"chart": {"result": [{"meta": {"currency": "US'),
    "html": _page(200, "Welcome"),
    "down": _page(200, "Will be right back...<p>Thank you for your patience."),
}
CRUMB = "/v1/test/getcrumb"
PAGES = {
    "/": Answer(200, b"", "text/html", cookie=COOKIE),
    CRUMB: Answer(200, b"loop.Back", "text/plain"),
    "/consent": _page(200, CONSENT),
    "/v2/collectConsent": _page(200, "Thank you"),
    "/copyConsent": Answer(200, b"", "text/html", cookie=COOKIE),
}
NO_PAGE = _json(404, {"quoteSummary": {"result": None, "error": {"code": "Not Found"}}})


class FakeYahoo(FakeSource):
    """Answers on `127.0.0.1:port` as Yahoo would at `now`; change it between requests only.

    noise: the last digits differ in every answer, by up to 1e-6 of the price; `prices` stays exact.
    """

    hows = frozenset({*FAILURES, *FAULTS, "empty"})

    def __init__(self, *, now: datetime | None = None, noise: bool = False) -> None:
        super().__init__()
        self.refuses_crumbs = False
        self._now = now
        self._noise = np.random.default_rng(0) if noise else None
        self._listings: dict[str, Listing] = {}

    @property
    def now(self) -> datetime:
        if self._now is None:
            raise RuntimeError("no time is set; assign yahoo.now")
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        seconds(moment)  # refuses one without a timezone
        self._now = moment

    @property
    def charts(self) -> list[tuple[str, int | None, int | None]]:
        """Return symbol, period1 and period2 of every chart request; no periods for a probe of the timezone."""
        return [
            (symbol, *(int(p) if (p := request.params.get(f"period{i}")) else None for i in (1, 2)))
            for request in self.requests
            if (symbol := get_symbol(request)) is not None
        ]

    def list(
        self,
        ticker: str,
        bars: pd.DataFrame,
        *,
        calendar: Calendar,
        timezone: str = "America/New_York",
        currency: str = "USD",
        instrument: str = "EQUITY",
    ) -> None:
        """Serve `bars` (as traded; adj_close is ignored) from the first one's open on."""
        traded = bars[[*TRADED]].to_numpy(dtype=float, copy=True)
        sessions = pd.DatetimeIndex(bars.index, name="session")
        self._listings[ticker] = Listing(ticker, traded, sessions, calendar, timezone, currency, instrument)

    def listing(self, ticker: str) -> Listing | None:
        """Return what is listed of a ticker, for another server that tells of the same market."""
        return self._listings.get(ticker)

    def delist(self, ticker: str, *, at: datetime) -> None:
        """From `at` on the ticker is unknown; `prices` and `actions` still tell what was served."""
        self._listings[ticker].gone_at = seconds(at)

    def split(
        self,
        ticker: str,
        *,
        ex_date: date,
        ratio: float,
        restated_at: datetime | None = None,
        told_at: datetime | None = None,
    ) -> None:
        """Split the shares: the listed bars continue in new shares from `ex_date` on, `ratio` of them for one old.

        restated_at, told_at: when the bars before it are restated, and its event shows; by default at its open.
        """
        listing = self._listings[ticker]
        at, position = listing.open_of(ex_date), listing.first_from(ex_date)
        restated_at = at if restated_at is None else seconds(restated_at)
        told_at = at if told_at is None else seconds(told_at)
        listing.traded[position:, :4] /= ratio
        listing.traded[position:, 4] *= ratio
        listing.splits.append(
            Split(
                ex_date=ex_date,
                position=position,
                at=at,
                told_at=told_at,
                restated_at=restated_at,
                ratio=float(ratio),
            )
        )

    def dividend(self, ticker: str, *, ex_date: date, amount: float, announced_at: datetime | None = None) -> None:
        """Pay `amount` per share as of the ex-date; its event shows from `announced_at` on, by default the open."""
        listing = self._listings[ticker]
        if any(dividend.ex_date == ex_date for dividend in listing.dividends):
            raise ValueError(f"{ticker}: there is a dividend on {ex_date} already; give the sum of both")
        at = listing.open_of(ex_date)
        announced = at if announced_at is None else seconds(announced_at)
        position = listing.first_from(ex_date)
        listing.dividends.append(
            Dividend(ex_date=ex_date, position=position, at=at, announced_at=announced, amount=float(amount))
        )

    def correct(self, ticker: str, session: date, *, at: datetime, **values: float) -> None:
        """From `at` on the true bar has these values, in the shares of its day."""
        _check_names(values, TRADED)
        listing = self._listings[ticker]
        position = listing.position_of(session)
        listing.corrections.append(Correction(position=position, at=seconds(at), changes=values))

    def disturb(self, ticker: str, session: date, *, until: datetime, **values: float | None) -> None:
        """Serve these values until then, None for a null; adj_close follows the close unless given."""
        self._add_flaw(ticker, "disturb", session, until, values)

    def hide(self, ticker: str, session: date, *, until: datetime) -> None:
        """Leave the row out until then."""
        self._add_flaw(ticker, "hide", session, until, {})

    def duplicate(self, ticker: str, session: date, *, until: datetime, **values: float | None) -> None:
        """Serve the row twice until then, the first copy with these values."""
        self._add_flaw(ticker, "duplicate", session, until, values)

    def stray(self, ticker: str, day: date, *, until: datetime, **values: float | None) -> None:
        """Serve a row on a day without a session until then: the previous bar without volume, with these values."""
        self._add_flaw(ticker, "extra", day, until, values)

    def prices(self, ticker: str, *, settled_by: datetime, disturbed: bool = True) -> pd.DataFrame:
        """Return the rows served now of sessions that closed by then, each once, without rows beside sessions.

        disturbed: with what `disturb` and `hide` do at this time; without it the truth.
        Index `session`, columns `FIELDS`.
        """
        now = seconds(self.now)
        return self._listings[ticker].settled(now, seconds(settled_by), disturbed=disturbed)

    def actions(self, ticker: str) -> Actions:
        """Return ex-date, "dividend" or "split", and amount or ratio of the actions served now, by date."""
        listing, now = self._listings[ticker], seconds(self.now)
        dividends = [(d.ex_date, "dividend", float(amount)) for d, amount in listing.shown_dividends(now)]
        splits = [(split.ex_date, "split", split.ratio) for split in listing.shown_splits(now)]
        return sorted(dividends + splits)

    def answer(self, request: Request) -> Answer:
        """Return what to send, and keep the request."""
        with self._lock:
            self.requests.append(request)
            symbol = get_symbol(request)
            if symbol is None:
                if self.refuses_crumbs and request.path == CRUMB:
                    return FAILURES["429"]
                return PAGES.get(request.path, NO_PAGE)
            how = self._find_failure(symbol)
            if how in FAILURES:
                return FAILURES[how]
            answer = self._chart(symbol, request.params, empty=how == "empty")
            return Answer(answer.status, answer.body, fault=how) if how in FAULTS else answer

    def _chart(self, symbol: str, params: dict[str, str], *, empty: bool) -> Answer:
        listing, now = self._listings.get(symbol), seconds(self.now)
        if listing is None or not listing.is_known(now):
            return UNKNOWN
        if empty:
            return _chart(make_empty_chart(listing, now))
        if params["interval"] != "1d" or params.get("range", "1d") != "1d":
            return _error(422, "Unprocessable Entity", f"only daily rows are served here, not {params}")
        if "range" in params:
            first, last = listing.opens[listing.opens.searchsorted(now, side="right") - 1], np.inf
        else:
            first, last = int(params["period1"]), int(params["period2"])
        if first >= last:
            return _error(400, "Bad Request", "Invalid input - start date cannot be after end date.")
        events = params.get("events", "")
        return _chart(make_chart(listing, now=now, first=first, last=last, events=events, noise=self._noise))

    def _add_flaw(self, ticker: str, kind: str, day: date, until: datetime, changes: dict[str, float | None]) -> None:
        _check_names(changes, FIELDS)
        listing = self._listings[ticker]
        position = listing.first_from(day) if kind == "extra" else listing.position_of(day)
        if kind == "extra" and pd.Timestamp(day) in listing.calendar.table.index:
            raise ValueError(f"{ticker}: {day} is a session; disturb or duplicate it")
        at = listing.open_of(day)
        listing.flaws.append(Flaw(kind=kind, position=position, at=at, until=seconds(until), changes=changes))


def _check_names(values: dict[str, float | None], allowed: Collection[str]) -> None:
    if unknown := set(values) - set(allowed):
        raise ValueError(f"no fields {sorted(unknown)}; expected some of {list(allowed)}")
