"""Read and write instruments, prices, their revisions and their issues."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import BindParameter, Connection, bindparam, func, select

from stockrnn.errors import MixedSourcesError
from stockrnn.store.schema import instruments, price_issues, price_revisions, prices
from stockrnn.store.upsert import insert_missing
from stockrnn.types import BAR_COLUMNS, Bars, PriceIssue

SIMULATED = "simulated"
_PRICE_TOLERANCE = 1e-4
"""Relative; Yahoo's last digits differ from download to download."""
_VOLUME_TOLERANCE = 5e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write did, in rows: new sessions, changed ones, and rows kept aside as issues."""

    inserted: int
    revised: int
    kept_aside: int

    def __str__(self) -> str:
        """Plain words for a log line."""
        return f"{self.inserted} sessions new, {self.revised} revised, {self.kept_aside} rows kept aside"


def read_tickers(connection: Connection, *, simulated: bool) -> list[str]:
    """Return the active tickers, in order, of the simulated market or of the real ones."""
    query = select(instruments.c.ticker).where(instruments.c.active).order_by(instruments.c.ticker)
    invented = set(connection.scalars(select(prices.c.ticker).where(prices.c.source == SIMULATED).distinct()))
    return [ticker for ticker in connection.scalars(query) if (ticker in invented) == simulated]


def read_calendar_name(connection: Connection, ticker: str) -> str | None:
    """Return the calendar stored for a ticker, None where the ticker is not known."""
    return connection.scalar(select(instruments.c.calendar).where(instruments.c.ticker == ticker))


def read_currency(connection: Connection, ticker: str) -> str | None:
    """Return the quote currency of a ticker, None where it is not known."""
    return connection.scalar(select(instruments.c.currency).where(instruments.c.ticker == ticker))


def read_span(connection: Connection, ticker: str) -> tuple[date | None, date | None]:
    """Return the first and the last stored session of a ticker."""
    query = select(instruments.c.first_session, instruments.c.last_session).where(instruments.c.ticker == ticker)
    row = connection.execute(query).one_or_none()
    return (row[0], row[1]) if row else (None, None)


def is_simulated(connection: Connection, ticker: str) -> bool:
    """Whether the stored prices of `ticker` come from the simulated market."""
    return _read_source(connection, ticker) == SIMULATED


def read_bars(connection: Connection, ticker: str, *, through: date | None = None) -> pd.DataFrame:
    """Return the stored bars up to `through`: index `session` ascending, columns `BAR_COLUMNS`, float64."""
    query = select(prices.c.session, *(prices.c[name] for name in BAR_COLUMNS)).where(prices.c.ticker == ticker)
    if through is not None:
        query = query.where(prices.c.session <= through)
    rows = connection.execute(query.order_by(prices.c.session)).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["session", *BAR_COLUMNS])
    frame["session"] = pd.to_datetime(frame["session"])
    return frame.set_index("session").astype(np.float64)


def write_bars(
    connection: Connection,
    ticker: str,
    bars: Bars,
    *,
    calendar: str,
    currency: str | None,
    source: str,
    observed_at: datetime,
) -> Written:
    """Store new bars, move changed ones to `price_revisions`, and keep the issues.

    A bar equal to the stored one within tolerance changes nothing. A missing `adj_close` or `volume` says nothing
    about a stored one.

    Raises
    ------
    MixedSourcesError
        Simulated prices for a ticker with real ones, or the other way round.
    """
    stored_source = _read_source(connection, ticker)
    if stored_source is not None and (stored_source == SIMULATED) != (source == SIMULATED):
        raise MixedSourcesError(ticker, stored_source, source)
    insert_missing(
        connection,
        instruments,
        [{"ticker": ticker, "calendar": calendar, "currency": currency, "active": True}],
    )
    stored = read_bars(connection, ticker)
    new = bars.frame.loc[bars.frame.index.difference(stored.index)]
    changed = _find_changed(stored, bars.frame)
    extra = {"ticker": ticker, "source": source, "observed_at": observed_at}
    if len(new):
        connection.execute(prices.insert(), _to_rows(new, extra))
    _revise(connection, ticker, changed, extra)
    opened = _write_issues(connection, ticker, bars.issues, detected_at=observed_at)
    _resolve_issues(connection, ticker, bars.frame.index, resolved_at=observed_at)
    _update_span(connection, ticker)
    return Written(inserted=len(new), revised=len(changed), kept_aside=opened)


def _read_source(connection: Connection, ticker: str) -> str | None:
    return connection.scalar(select(prices.c.source).where(prices.c.ticker == ticker).limit(1))


def _find_changed(stored: pd.DataFrame, offered: pd.DataFrame) -> pd.DataFrame:
    """Return the offered bars that differ from the stored ones of the same session."""
    common = offered.index.intersection(stored.index)
    old, new = stored.loc[common, list(BAR_COLUMNS)], offered.loc[common, list(BAR_COLUMNS)]
    new = new.where(new.notna(), old)
    tolerance = np.array([_PRICE_TOLERANCE] * 5 + [_VOLUME_TOLERANCE])
    same = np.isclose(new, old, rtol=tolerance, atol=0, equal_nan=True)
    return new.iloc[np.flatnonzero(~same.all(axis=1))]


def _revise(connection: Connection, ticker: str, changed: pd.DataFrame, extra: dict[str, Any]) -> None:
    """Move the rows as they stand to `price_revisions`, then update them."""
    if changed.empty:
        return
    columns = [column for column in prices.c if column.name != "ticker"]
    moved = select(
        prices.c.ticker,
        *columns,
        bindparam("superseded_at", extra["observed_at"], type_=prices.c.observed_at.type),
        bindparam("reason", "correction"),
    ).where(prices.c.ticker == ticker, prices.c.session == bindparam("at_session"))
    names = ["ticker", *(column.name for column in columns), "superseded_at", "reason"]
    sessions = [{"at_session": session.date()} for session in changed.index]
    connection.execute(price_revisions.insert().from_select(names, moved), sessions)
    rows = [{f"new_{name}": value for name, value in row.items()} for row in _to_rows(changed, extra)]
    values: dict[str, BindParameter[Any]] = {
        name: bindparam(f"new_{name}") for name in (*BAR_COLUMNS, "source", "observed_at")
    }
    connection.execute(
        prices.update()
        .where(prices.c.ticker == bindparam("new_ticker"), prices.c.session == bindparam("new_session"))
        .values(values),
        rows,
    )


def _write_issues(connection: Connection, ticker: str, issues: Sequence[PriceIssue], *, detected_at: datetime) -> int:
    """Store issues that are new, open again those that were resolved; return how many rows are kept aside."""
    rows = [
        {
            "ticker": ticker,
            "session": issue.session,
            "kind": issue.kind,
            "detail": issue.detail,
            "raw": dict(issue.raw),
            "detected_at": detected_at,
        }
        for issue in issues
    ]
    insert_missing(connection, price_issues, rows)
    for row in rows:
        connection.execute(
            price_issues.update()
            .where(
                price_issues.c.ticker == ticker,
                price_issues.c.session == row["session"],
                price_issues.c.kind == row["kind"],
                price_issues.c.resolved_at.is_not(None),
            )
            .values(resolved_at=None, detected_at=detected_at, detail=row["detail"], raw=row["raw"])
        )
    return len(rows)


def _resolve_issues(connection: Connection, ticker: str, sessions: pd.Index, *, resolved_at: datetime) -> None:
    """Close the issues of sessions for which a good bar has come."""
    query = select(price_issues.c.session).where(
        price_issues.c.ticker == ticker, price_issues.c.resolved_at.is_(None)
    )
    for session in connection.scalars(query).all():
        if pd.Timestamp(session) in sessions:
            connection.execute(
                price_issues.update()
                .where(
                    price_issues.c.ticker == ticker,
                    price_issues.c.session == session,
                    price_issues.c.resolved_at.is_(None),
                )
                .values(resolved_at=resolved_at)
            )


def _update_span(connection: Connection, ticker: str) -> None:
    first, last = connection.execute(
        select(func.min(prices.c.session), func.max(prices.c.session)).where(prices.c.ticker == ticker)
    ).one()
    connection.execute(
        instruments.update().where(instruments.c.ticker == ticker).values(first_session=first, last_session=last)
    )


def _to_rows(frame: pd.DataFrame, extra: dict[str, Any]) -> list[dict[str, Any]]:
    """Turn bars into rows; a missing value becomes NULL."""
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in BAR_COLUMNS}
    values = zip(*columns.values(), strict=True)
    return [
        {"session": session.date(), **dict(zip(BAR_COLUMNS, row, strict=True)), **extra}
        for session, row in zip(frame.index, values, strict=True)
    ]
