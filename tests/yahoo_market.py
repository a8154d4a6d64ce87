"""What Yahoo knows at a moment of tickers that a test makes up, and what it gets wrong for a while.

Pure: no network and no clock of its own. Times are aware datetimes outside, UTC seconds inside.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from stockrnn.market.calendars import Calendar

FIELDS = ("open", "high", "low", "close", "adj_close", "volume")
TRADED = ("open", "high", "low", "close", "volume")
PRICES, CLOSE, ADJ_CLOSE, VOLUME = slice(0, 4), 3, 4, 5
# Between the two rows of a day that is served twice, in seconds.
DUPLICATE_DELAY = 60
NOISE = 1e-6

Action = tuple[date, str, float]
Actions = list[Action]


def seconds(moment: datetime) -> float:
    """Return an aware datetime as UTC seconds."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no timezone; give datetime(..., tzinfo=UTC)")
    return moment.timestamp()


@dataclass(frozen=True, kw_only=True)
class Split:
    """`position`: the first session in new shares. `at`: its open. `told_at`: when the event shows."""

    ex_date: date
    position: int
    at: float
    told_at: float
    restated_at: float
    ratio: float


@dataclass(frozen=True, kw_only=True)
class Dividend:
    """`amount`: cash per share as paid. `at`: the open of the ex-date, `adjusted_at`: when adj_close takes it in."""

    ex_date: date
    position: int
    at: float
    announced_at: float
    amount: float

    @property
    def adjusted_at(self) -> float:
        return max(self.at, self.announced_at)


@dataclass(frozen=True, kw_only=True)
class Correction:
    position: int
    at: float
    changes: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """How a row is served wrongly until a time. `kind`: disturb, hide, duplicate or extra. `at`: its day's open."""

    kind: str
    position: int
    at: float
    until: float
    changes: dict[str, float | None]


@dataclass
class Listing:
    """One ticker. `traded`: bars of every session in the shares of its day, columns `TRADED`, shape (n, 5)."""

    ticker: str
    traded: np.ndarray
    sessions: pd.DatetimeIndex
    calendar: Calendar
    timezone: str
    currency: str
    instrument: str
    gone_at: float = np.inf
    splits: list[Split] = field(default_factory=list)
    dividends: list[Dividend] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)
    _cache: tuple[tuple, np.ndarray] | None = None

    def __post_init__(self) -> None:
        table = self.calendar.table.loc[self.sessions]
        self.opens = pd.DatetimeIndex(table["opens"]).as_unit("s").asi8
        self.closes = pd.DatetimeIndex(table["closes"]).as_unit("s").asi8

    def is_known(self, now: float) -> bool:
        """Whether `now` lies between the first open and the delisting."""
        return self.opens[0] <= now < self.gone_at

    def open_of(self, day: date) -> float:
        """Return when `day` opens; half past nine, local time, where there is no session."""
        if pd.Timestamp(day) in self.calendar.table.index:
            return seconds(self.calendar.opens_at(day))
        return seconds(datetime(day.year, day.month, day.day, 9, 30, tzinfo=ZoneInfo(self.timezone)))

    def first_from(self, day: date) -> int:
        """Return the position of the first session not before `day`."""
        return int(self.sessions.searchsorted(pd.Timestamp(day)))

    def position_of(self, session: date) -> int:
        """Return the position of `session`; KeyError without a bar."""
        return int(self.sessions.get_loc(pd.Timestamp(session)))

    # -- what is served -------------------------------------------------------------------------------------------

    def restated(self, now: float) -> np.ndarray:
        """Return the bars of all sessions in the shares of `now`. Columns `FIELDS`, shape (n, 6); do not change."""
        splits = [split for split in self.splits if split.restated_at <= now]
        dividends = [dividend for dividend in self.dividends if dividend.adjusted_at <= now]
        corrections = [correction for correction in self.corrections if correction.at <= now]
        key = (*map(id, splits), *map(id, dividends), *map(id, corrections), len(self.splits))
        if self._cache is None or self._cache[0] != key:
            self._cache = key, self._make_restated(splits, dividends, corrections)
        return self._cache[1]

    def _make_restated(self, splits, dividends, corrections) -> np.ndarray:
        traded = self._corrected(corrections)
        shares = np.ones(len(traded))
        for split in splits:
            shares[: split.position] *= split.ratio
        factors = np.ones(len(traded))
        for dividend in dividends:
            factors[: dividend.position] *= self._dividend_factor(dividend, traded)
        prices = traded[:, :4] / shares[:, np.newaxis]
        volume = np.rint(traded[:, 4] * shares)
        return np.column_stack([prices, prices[:, CLOSE] * factors, volume])

    def as_traded(self, now: float) -> np.ndarray:
        """Return the bars of all sessions in the shares of their days. Columns `TRADED`, shape (n, 5)."""
        return self._corrected([correction for correction in self.corrections if correction.at <= now])

    def _corrected(self, corrections) -> np.ndarray:
        traded = self.traded.copy()
        for correction in corrections:
            for name, value in correction.changes.items():
                traded[correction.position, TRADED.index(name)] = value
        return traded

    def _dividend_factor(self, dividend: Dividend, traded: np.ndarray) -> float:
        """Return 1 - amount / close of the session before the ex-date, both in the shares of the ex-date."""
        if dividend.position == 0:
            return 1.0
        close = traded[dividend.position - 1, CLOSE]
        for split in self.splits:
            close /= split.ratio if split.position == dividend.position else 1.0
        return 1.0 - dividend.amount / close

    def served(self, positions: np.ndarray, now: float, *, disturbed: bool = True) -> np.ndarray:
        """Return the rows at `positions` as served: the one of an open session partial. Shape (len(positions), 6)."""
        values = self.restated(now)[positions]
        live = self._live(now)
        if live is not None and len(positions) and positions[-1] == live:
            share = (now - self.opens[live]) / (self.closes[live] - self.opens[live])
            values[-1] = make_partial(values[-1], share)
        for flaw in self._active(now, "disturb") if disturbed else ():
            for row in np.flatnonzero(positions == flaw.position):
                overlay(values[row], flaw.changes)
        return values

    def rows(self, now: float, first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the chart's timestamps (m,) and values (m, 6) from `first` to before `last`."""
        positions = self._positions(now, first, last)
        values, times = self.served(positions, now), self.opens[positions]
        if len(positions) and positions[-1] == self._live(now):
            times[-1] = now
        kept = ~np.isin(positions, [flaw.position for flaw in self._active(now, "hide")])
        added = [*self._duplicates(now, positions, times, values), *self._extras(now, first, last)]
        times = np.concatenate([times[kept], [time for time, _ in added]]).astype(np.int64)
        values = np.concatenate([values[kept], *[row[np.newaxis] for _, row in added]])
        if added:
            order = np.argsort(times, kind="stable")
            times, values = times[order], values[order]
        return times, values

    def settled(self, now: float, settled_by: float, *, disturbed: bool) -> pd.DataFrame:
        """Return the served rows of sessions closed at `settled_by`, without duplicates and extras."""
        closed = self.closes.searchsorted(settled_by, side="right")
        positions = np.arange(min(closed, self._opened(now)))
        values = self.served(positions, now, disturbed=disturbed)
        hidden = [flaw.position for flaw in self._active(now, "hide")] if disturbed else []
        kept = ~np.isin(positions, hidden)
        return pd.DataFrame(values[kept], index=self.sessions[positions[kept]], columns=list(FIELDS))

    def shown_splits(self, now: float) -> list[Split]:
        return [split for split in self.splits if split.told_at <= now]

    def shown_dividends(self, now: float) -> Iterator[tuple[Dividend, float]]:
        """Yield the announced dividends with their amounts per share of `now`."""
        for dividend in self.dividends:
            if dividend.announced_at <= now:
                later = [s.ratio for s in self.splits if s.restated_at <= now and s.ex_date > dividend.ex_date]
                yield dividend, dividend.amount / np.prod(later)

    def _positions(self, now: float, first: float, last: float) -> np.ndarray:
        """Return the positions of the opened sessions in the range, and of an open one even if past its end."""
        low, high = np.minimum(self.opens.searchsorted([first, last]), self._opened(now))
        positions, live = np.arange(low, high), self._live(now)
        if live is not None and first <= now and live not in positions[-1:]:
            positions = np.append(positions, live)
        return positions

    def _opened(self, now: float) -> int:
        return int(self.opens.searchsorted(now, side="right"))

    def _live(self, now: float) -> int | None:
        """Return the position of the session that is open at `now`."""
        last = self._opened(now) - 1
        return last if self.closes[last] > now else None

    def _active(self, now: float, kind: str) -> list[Flaw]:
        return [flaw for flaw in self.flaws if flaw.kind == kind and now < flaw.until]

    def _duplicates(self, now, positions, times, values) -> Iterator[tuple[float, np.ndarray]]:
        """Yield the second copies, which are right, and change the first ones in `values`."""
        for flaw in self._active(now, "duplicate"):
            for row in np.flatnonzero(positions == flaw.position):
                yield times[row] + DUPLICATE_DELAY, values[row].copy()
                overlay(values[row], flaw.changes)

    def _extras(self, now: float, first: float, last: float) -> Iterator[tuple[float, np.ndarray]]:
        """Yield rows of days without a session: the row before it without volume, changed as asked."""
        for flaw in self._active(now, "extra"):
            if first <= flaw.at < last and flaw.at <= now:
                row = self.restated(now)[max(flaw.position - 1, 0)].copy()
                row[VOLUME] = 0.0
                overlay(row, flaw.changes)
                yield flaw.at, row


def make_partial(row: np.ndarray, share: float) -> np.ndarray:
    """Return the bar when `share` of its session is over, as if the price ran straight from open to close."""
    opened, high, low, closed, adj_close, volume = row
    close = opened + share * (closed - opened)
    return np.array(
        [
            opened,
            max(opened, close) + share * (high - max(opened, closed)),
            min(opened, close) - share * (min(opened, closed) - low),
            close,
            adj_close * close / closed,
            np.floor(share * volume),
        ]
    )


def overlay(row: np.ndarray, changes: dict[str, float | None]) -> None:
    """Change the named fields of `row`, None to NaN; adj_close follows a changed close unless it is named."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a row that is disturbed already may have a close of 0
        factor = row[ADJ_CLOSE] / row[CLOSE]
    for name, value in changes.items():
        row[FIELDS.index(name)] = np.nan if value is None else value
    if "close" in changes and "adj_close" not in changes:
        row[ADJ_CLOSE] = row[CLOSE] * factor


def make_chart(listing: Listing, *, now: float, first: float, last: float, events: str, noise=None) -> dict:
    """Return `chart.result[0]`. noise: a generator for the last digits, None for exact ones."""
    times, values = listing.rows(now, first, last)
    if noise is not None:
        values[:, PRICES] *= 1 + NOISE * noise.uniform(-1, 1, (len(values), 1))
        values[:, ADJ_CLOSE] *= 1 + NOISE * noise.uniform(-1, 1, len(values))
    chart = make_empty_chart(listing, now)
    if len(times):
        quote = {name: to_json(values[:, FIELDS.index(name)]) for name in TRADED}
        quote["volume"] = [value if value is None else int(value) for value in quote["volume"]]
        chart["timestamp"] = times.tolist()
        chart["indicators"] = {"quote": [quote], "adjclose": [{"adjclose": to_json(values[:, ADJ_CLOSE])}]}
    shown = make_events(listing, now, first, last)
    wanted = {"dividends": "div" in events, "splits": "split" in events}
    if shown := {kind: entries for kind, entries in shown.items() if entries and wanted[kind]}:
        chart["events"] = shown
    return chart


def make_empty_chart(listing: Listing, now: float) -> dict:
    """Return `chart.result[0]` of a range without rows."""
    return {"meta": make_meta(listing, now), "indicators": {"quote": [{}], "adjclose": [{}]}}


def make_events(listing: Listing, now: float, first: float, last: float) -> dict[str, dict]:
    dividends = {
        str(int(dividend.at)): {"amount": amount, "date": int(dividend.at)}
        for dividend, amount in listing.shown_dividends(now)
        if first <= dividend.at < last
    }
    splits = {str(int(s.at)): make_split(s) for s in listing.shown_splits(now) if first <= s.at < last}
    return {"dividends": dividends, "splits": splits}


def make_split(split: Split) -> dict:
    ratio = Fraction(split.ratio).limit_denominator(10_000)
    above, below = float(ratio.numerator), float(ratio.denominator)
    text = f"{ratio.numerator}:{ratio.denominator}"
    return {"date": int(split.at), "numerator": above, "denominator": below, "splitRatio": text}


def make_meta(listing: Listing, now: float) -> dict:
    last = int(listing.opens.searchsorted(now, side="right")) - 1
    opened, closed = int(listing.opens[last]), int(listing.closes[last])
    local = datetime.fromtimestamp(now, ZoneInfo(listing.timezone))
    clock = {"timezone": local.tzname(), "gmtoffset": int(local.utcoffset().total_seconds())}
    return {
        "currency": listing.currency,
        "symbol": listing.ticker,
        "exchangeName": listing.calendar.name,
        "fullExchangeName": listing.calendar.name,
        "instrumentType": listing.instrument,
        "firstTradeDate": int(listing.opens[0]),
        "regularMarketTime": int(min(now, closed)),
        "exchangeTimezoneName": listing.timezone,
        **clock,
        "priceHint": 2,
        "dataGranularity": "1d",
        "range": "",
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
        "currentTradingPeriod": {
            "pre": {**clock, "start": opened, "end": opened},
            "regular": {**clock, "start": opened, "end": closed},
            "post": {**clock, "start": closed, "end": closed},
        },
    }


def to_json(column: np.ndarray) -> list[float | None]:
    """Return the values with None for NaN. column: shape (m,)."""
    values = column.tolist()
    return [None if np.isnan(value) else value for value in values] if np.isnan(column).any() else values
