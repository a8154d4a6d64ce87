"""Read and write the closures and sessions of exchanges that the source showed and no calendar knew."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from stockrnn.store.schema import calendar_changes, instruments, price_issues, prices
from stockrnn.store.upsert import insert_missing

Change = Literal["closure", "session"]

_OHLC = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarChange:
    """A day on which an exchange was closed, or open, against its calendar.

    Attributes
    ----------
    tickers
        How many showed it.
    confirmed
        They have later bars too; else the bars of a closure may only be late.
    """

    calendar: str
    session: date
    kind: Change
    tickers: int
    confirmed: bool
    detail: str
    believed_at: datetime


def read_changes(connection: Connection, calendar: str) -> list[CalendarChange]:
    """Return what is believed of a calendar, in order of the days."""
    query = select(calendar_changes).where(calendar_changes.c.calendar == calendar)
    rows = connection.execute(query.order_by(calendar_changes.c.session)).mappings()
    return [CalendarChange(**row) for row in rows]


def write_changes(connection: Connection, changes: Sequence[CalendarChange]) -> None:
    """Store what is believed; a closure that was not confirmed is taken anew."""
    for change in changes:
        withdraw_change(connection, change.calendar, change.session)
    insert_missing(connection, calendar_changes, [asdict(change) for change in changes])


def withdraw_change(connection: Connection, calendar: str, session: date) -> None:
    """Forget what was believed of a day."""
    connection.execute(
        calendar_changes.delete().where(
            calendar_changes.c.calendar == calendar, calendar_changes.c.session == session
        )
    )


def read_exchange(connection: Connection, calendar: str) -> dict[str, tuple[date, datetime]]:
    """Return the active real tickers of a calendar that a source answered for: last session, time of answer."""
    query = select(instruments.c.ticker, instruments.c.last_session, instruments.c.updated_at).where(
        instruments.c.calendar == calendar,
        instruments.c.market == "real",
        instruments.c.active,
        instruments.c.updated_at.is_not(None),
        instruments.c.last_session.is_not(None),
    )
    return {ticker: (last, at) for ticker, last, at in connection.execute(query)}


def read_sessions_of_any(connection: Connection, tickers: Sequence[str], *, since: date) -> set[date]:
    """Return the sessions from `since` on of which any of the tickers has a bar."""
    query = select(prices.c.session).where(prices.c.ticker.in_(tickers), prices.c.session >= since).distinct()
    return set(connection.scalars(query))


def read_quarantined_sessions(connection: Connection, tickers: Sequence[str], *, since: date) -> set[date]:
    """Return the days from `since` on of which a source sent any of the tickers a price that could not be used."""
    query = select(price_issues.c.session, price_issues.c.raw).where(
        price_issues.c.ticker.in_(tickers),
        price_issues.c.kind.not_in(("missing_session", "possible_split")),
        price_issues.c.session >= since,
    )
    # a row without its close was traded all the same
    return {session for session, raw in connection.execute(query) if any((raw.get(name) or 0) > 0 for name in _OHLC)}


def read_offered_off_calendar(
    connection: Connection, tickers: Sequence[str], *, since: date
) -> dict[date, list[tuple[str, dict[str, Any]]]]:
    """Return the days from `since` on without a session of which a source has offered bars: tickers and raw bars."""
    query = select(price_issues.c.session, price_issues.c.ticker, price_issues.c.raw).where(
        price_issues.c.ticker.in_(tickers),
        price_issues.c.kind == "not_a_session",
        price_issues.c.resolved_at.is_(None),
        price_issues.c.session >= since,
    )
    found: dict[date, list[tuple[str, dict[str, Any]]]] = {}
    for session, ticker, raw in connection.execute(query):
        found.setdefault(session, []).append((ticker, raw))
    return found


def resolve_missing(
    connection: Connection, tickers: Sequence[str], sessions: Sequence[date], *, at: datetime, by: str = "source"
) -> None:
    """Resolve the issues that say a bar of these days is missing: there was no session, as `by` says."""
    connection.execute(
        price_issues.update()
        .where(
            price_issues.c.ticker.in_(tickers),
            price_issues.c.session.in_(sessions),
            price_issues.c.kind == "missing_session",
            price_issues.c.resolved_at.is_(None),
        )
        .values(resolved_at=at, resolved_by=by)
    )


def read_first_common_session(connection: Connection, tickers: Sequence[str]) -> date | None:
    """Return the latest first session of the tickers: from it on all have bars."""
    query = select(func.max(instruments.c.first_session)).where(instruments.c.ticker.in_(tickers))
    first: date | None = connection.scalar(query)
    return first
