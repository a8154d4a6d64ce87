"""Read and write prices and their revisions."""

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import BindParameter, Connection, Subquery, bindparam, func, select

from stockrnn.errors import MixedSourcesError
from stockrnn.market.adjusted_closes import ADJ_CLOSE_NOT_POSITIVE
from stockrnn.market.bars import find_gaps
from stockrnn.market.revisions import Comparison, compare_bars
from stockrnn.market.vendor_switch import replace_bars
from stockrnn.store.actions import read_actions
from stockrnn.store.instruments import SIMULATED, lock_instrument, market_of, read_market, write_span
from stockrnn.store.issues import write_issues
from stockrnn.store.order import date_prices
from stockrnn.store.possible_splits import write_possible_splits
from stockrnn.store.schema import instruments, price_revisions, prices
from stockrnn.types import BAR_COLUMNS, Bars, PriceIssue, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write did, in rows: new sessions, changed ones, rows quarantined as issues, and sessions missing.

    `possible_splits` counts the jumps between bars that look like a split of which nothing is known.
    """

    inserted: int
    revised: int
    quarantined: int
    missing: int = 0
    possible_splits: int = 0

    @property
    def is_faulty(self) -> bool:
        """Whether there are issues to look at."""
        return bool(self.quarantined or self.missing or self.possible_splits)

    def __add__(self, later: "Written") -> "Written":
        """Return what both did together."""
        return Written(**{one.name: getattr(self, one.name) + getattr(later, one.name) for one in fields(self)})

    def __str__(self) -> str:
        """Plain words for a log line."""
        words = f"{self.inserted} sessions new, {self.revised} revised, {self.quarantined} rows quarantined"
        words += f", {self.missing} sessions missing" if self.missing else ""
        return words + (f", {self.possible_splits} jumps as of a split" if self.possible_splits else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceState:
    """What tells whether prices were written since: how many bars and superseded ones there are, and their last date.

    Bars are only ever added, or changed and kept as superseded.
    """

    bars: int
    superseded: int
    newest: datetime | None


def read_price_state(connection: Connection, ticker: str) -> PriceState:
    """Return the state of the ticker's stored prices."""
    counts = [
        select(value).where(column.table.c.ticker == ticker).scalar_subquery()
        for column in (prices.c.observed_at, price_revisions.c.superseded_at)
        for value in (func.count(), func.max(column, type_=column.type))
    ]
    bars, observed, superseded, revised = connection.execute(select(*counts)).one()
    newest = max((moment for moment in (observed, revised) if moment is not None), default=None)
    return PriceState(bars=bars, superseded=superseded, newest=newest)


def is_simulated(connection: Connection, ticker: str) -> bool:
    """Whether `ticker` belongs to the simulated market; False where it is not known."""
    return read_market(connection, ticker) == SIMULATED


def require_same_market(connection: Connection, ticker: str, *, source: str) -> None:
    """Refuse simulated prices for a ticker with real ones, or the other way round.

    Raises
    ------
    MixedSourcesError
    """
    market = read_market(connection, ticker)
    if market is not None and market != market_of(source):
        raise MixedSourcesError(ticker, _read_source(connection, ticker) or market, source)


def read_bars(
    connection: Connection,
    ticker: str,
    *,
    first: date | None = None,
    through: date | None = None,
    known_at: datetime | None = None,
) -> pd.DataFrame:
    """Return the stored bars: index `session` ascending, columns `BAR_COLUMNS`, float64.

    Parameters
    ----------
    first, through
        The first and the last session to read; None for all.
    known_at
        Read each bar as it was known at that time, before later revisions; None for now.
    """
    stored = prices if known_at is None else _known(ticker, known_at)
    query = select(stored.c.session, *(stored.c[name] for name in BAR_COLUMNS)).where(stored.c.ticker == ticker)
    if first is not None:
        query = query.where(stored.c.session >= first)
    if through is not None:
        query = query.where(stored.c.session <= through)
    rows = connection.execute(query.order_by(stored.c.session)).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["session", *BAR_COLUMNS])
    frame["session"] = pd.to_datetime(frame["session"])
    return frame.set_index("session").astype(np.float64)


def _known(ticker: str, known_at: datetime) -> Subquery:
    """Select the version of each bar that stood at `known_at`."""
    columns = ["ticker", "session", *BAR_COLUMNS]
    standing = select(*(prices.c[name] for name in columns)).where(
        prices.c.ticker == ticker, prices.c.observed_at <= known_at
    )
    superseded = select(*(price_revisions.c[name] for name in columns)).where(
        price_revisions.c.ticker == ticker,
        price_revisions.c.observed_at <= known_at,
        price_revisions.c.superseded_at > known_at,
    )
    return standing.union_all(superseded).subquery()


def write_bars(
    connection: Connection,
    ticker: str,
    bars: Bars,
    *,
    calendar: str,
    currency: str | None,
    source: str,
    observed_at: datetime,
    expected: pd.DatetimeIndex | None = None,
    asked: Span | None = None,
    replacing: bool = False,
) -> Written:
    """Store new bars, move changed ones to `price_revisions`, and keep the issues.

    A bar equal to the stored one within tolerance changes nothing. A missing `adj_close` or `volume` leaves
    a stored one as it is. Corporate actions that came with the bars are to be written before: splits explain changes.

    Parameters
    ----------
    expected
        Sessions that should be stored afterwards, as far as they are not before the first stored one; those that
        are not become issues.
    asked
        The span that a source was asked for; None for files.
    replacing
        They are another vendor's and supersede all stored ones of their sessions, the same or not.
    observed_at
        When they were offered; stored is a later time where a forecast rests on earlier ones of that time already.

    Raises
    ------
    MixedSourcesError
        Simulated prices for a ticker with real ones, or the other way round.
    """
    require_same_market(connection, ticker, source=source)
    lock_instrument(connection, ticker, calendar=calendar, currency=currency, source=source)
    observed_at = date_prices(connection, observed_at, ticker=ticker)
    first = bars.frame.index[0].date() if len(bars.frame) else None
    stored, actions = read_bars(connection, ticker, first=first), read_actions(connection, ticker)
    splits = [action.value for action in actions if action.kind == "split"]
    comparison = (
        replace_bars(stored, bars.frame, splits=splits)
        if replacing
        else compare_bars(stored, bars.frame, splits=splits, all_known=asked is not None)
    )
    extra = {"ticker": ticker, "source": source, "observed_at": observed_at}
    if len(comparison.new):
        connection.execute(prices.insert(), _to_rows(comparison.new, extra))
    _revise(connection, ticker, comparison, extra)
    write_span(connection, ticker)
    gaps = () if expected is None else _find_gaps(connection, ticker, bars, expected)
    write_issues(
        connection, ticker, (*bars.issues, *gaps), good=bars.frame.index, asked=asked, observed_at=observed_at
    )
    possible_splits = write_possible_splits(
        connection,
        ticker,
        _merge(stored, comparison),
        changed=comparison.new.index.union(comparison.changed.index),
        actions=actions,
        observed_at=observed_at,
    )
    return Written(
        inserted=len(comparison.new),
        revised=len(comparison.changed),
        quarantined=sum(issue.kind != ADJ_CLOSE_NOT_POSITIVE for issue in bars.issues),
        missing=len(gaps),
        possible_splits=possible_splits,
    )


def _merge(stored: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Return the bars as they are after the write, from the first one offered on."""
    kept = stored.drop(index=comparison.changed.index)
    parts = [part for part in (kept, comparison.changed, comparison.new) if len(part)]
    return pd.concat(parts).sort_index() if len(parts) > 1 else [*parts, stored][0]


def _read_source(connection: Connection, ticker: str) -> str | None:
    return connection.scalar(select(prices.c.source).where(prices.c.ticker == ticker).limit(1))


def _find_gaps(connection: Connection, ticker: str, bars: Bars, expected: pd.DatetimeIndex) -> tuple[PriceIssue, ...]:
    """Return the expected sessions without a bar, but for those whose row was quarantined: that is their issue."""
    first = connection.scalar(select(instruments.c.first_session).where(instruments.c.ticker == ticker))
    if first is None or not len(expected):
        return ()
    query = select(prices.c.session).where(prices.c.ticker == ticker, prices.c.session >= expected[0].date())
    known = [*connection.scalars(query), *(issue.session for issue in bars.issues)]
    return find_gaps(expected[expected >= pd.Timestamp(first)], pd.DatetimeIndex(known).as_unit("ns"))


def _revise(connection: Connection, ticker: str, comparison: Comparison, extra: dict[str, Any]) -> None:
    """Move the rows as they stand to `price_revisions`, then update them."""
    if comparison.changed.empty:
        return
    columns = [column for column in prices.c if column.name != "ticker"]
    moved = select(
        prices.c.ticker,
        *columns,
        bindparam("superseded_at", extra["observed_at"], type_=prices.c.observed_at.type),
        bindparam("for_reason", type_=price_revisions.c.reason.type),
    ).where(prices.c.ticker == ticker, prices.c.session == bindparam("at_session"))
    names = ["ticker", *(column.name for column in columns), "superseded_at", "reason"]
    sessions = [
        {"at_session": pd.Timestamp(session).date(), "for_reason": reason}
        for session, reason in zip(comparison.reasons.index, comparison.reasons, strict=True)
    ]
    connection.execute(price_revisions.insert().from_select(names, moved), sessions)
    rows = [{f"new_{name}": value for name, value in row.items()} for row in _to_rows(comparison.changed, extra)]
    values: dict[str, BindParameter[Any]] = {
        name: bindparam(f"new_{name}") for name in (*BAR_COLUMNS, "source", "observed_at")
    }
    connection.execute(
        prices.update()
        .where(prices.c.ticker == bindparam("new_ticker"), prices.c.session == bindparam("new_session"))
        .values(values),
        rows,
    )


def _to_rows(frame: pd.DataFrame, extra: dict[str, Any]) -> list[dict[str, Any]]:
    """Turn bars into rows; a missing value becomes NULL."""
    values = frame[list(BAR_COLUMNS)].to_numpy().astype(object)
    values[frame[list(BAR_COLUMNS)].isna().to_numpy()] = None
    days = pd.DatetimeIndex(frame.index).date
    return [
        {"session": day, **dict(zip(BAR_COLUMNS, row, strict=True)), **extra}
        for day, row in zip(days, values.tolist(), strict=True)
    ]
