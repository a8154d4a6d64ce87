"""Read and write what is known of a ticker besides its prices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
from sqlalchemy import Connection, func, select

from stockrnn.market.possible_splits import POSSIBLE_SPLIT
from stockrnn.store.schema import instruments, price_issues, prices
from stockrnn.store.upsert import insert_missing
from stockrnn.types import Market

SIMULATED = "simulated"
IMPORTED = "csv"
"""The source of prices from files: whoever made the file."""
_BEFORE_JUMP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A ticker as it is stored.

    Attributes
    ----------
    market
        Whether its prices are real or simulated: settled when the ticker becomes known, never changed.
    first_session, last_session
        Of the stored prices; None where there are none.
    updated_at
        When a source last answered with prices of it; None where none ever did, as for imported files.
    no_data_nights, no_data_at
        On how many nights in a row the source had nothing for it, and when it was last so.
    """

    ticker: str
    calendar: str
    currency: str | None
    market: Market
    first_session: date | None
    last_session: date | None
    active: bool
    updated_at: datetime | None
    no_data_nights: int
    no_data_at: datetime | None


def read_instrument(connection: Connection, ticker: str) -> Instrument | None:
    """Return what is stored of a ticker, None where it is not known."""
    row = connection.execute(select(instruments).where(instruments.c.ticker == ticker)).one_or_none()
    return None if row is None else Instrument(**row._asdict())


def market_of(source: str) -> Market:
    """Return the market that prices of `source` belong to."""
    return "simulated" if source == SIMULATED else "real"


def read_market(connection: Connection, ticker: str) -> Market | None:
    """Return which market the ticker belongs to, None where it is not known."""
    return connection.scalar(select(instruments.c.market).where(instruments.c.ticker == ticker))


def read_tickers(connection: Connection, *, simulated: bool) -> list[str]:
    """Return the active tickers, in order, of the simulated market or of the real ones."""
    of_market = instruments.c.market == ("simulated" if simulated else "real")
    query = select(instruments.c.ticker).where(instruments.c.active, of_market).order_by(instruments.c.ticker)
    return list(connection.scalars(query))


def read_vendor(connection: Connection, ticker: str) -> str | None:
    """Return which source told the newest bar that is neither simulated nor from a file; None without any."""
    query = select(prices.c.source).where(prices.c.ticker == ticker, prices.c.source.not_in((SIMULATED, IMPORTED)))
    return connection.scalar(query.order_by(prices.c.session.desc()).limit(1))


def read_sessions_of(connection: Connection, ticker: str, source: str) -> pd.DatetimeIndex:
    """Return the sessions whose stored bar is that of a source, ascending."""
    query = select(prices.c.session).where(prices.c.ticker == ticker, prices.c.source == source)
    return pd.DatetimeIndex(list(connection.scalars(query.order_by(prices.c.session)))).as_unit("ns")


def read_simulated_time(connection: Connection) -> datetime | None:
    """Return the simulated market's own time, the latest that a run has seen it at; None where nobody has.

    All its tickers have the same time, as those of real markets have that of the clock.
    """
    # a ticker's prices are all of one market
    source = (
        select(prices.c.source).where(prices.c.ticker == instruments.c.ticker).limit(1).correlate(instruments)
    ).scalar_subquery()
    newest = func.max(instruments.c.updated_at, type_=instruments.c.updated_at.type)
    reached: datetime | None = connection.scalar(select(newest).where(source == SIMULATED))
    return reached


def read_inactive(connection: Connection) -> list[Instrument]:
    """Return the tickers that no night downloads any more, in order."""
    query = select(instruments).where(instruments.c.active.is_(False)).order_by(instruments.c.ticker)
    return [Instrument(**row._asdict()) for row in connection.execute(query)]


def read_inactive_tickers(connection: Connection) -> set[str]:
    """Return the tickers that no night downloads any more."""
    return {one.ticker for one in read_inactive(connection)}


def read_calendar_name(connection: Connection, ticker: str) -> str | None:
    """Return the calendar stored for a ticker, None where the ticker is not known."""
    return connection.scalar(select(instruments.c.calendar).where(instruments.c.ticker == ticker))


def read_span(connection: Connection, ticker: str) -> tuple[date | None, date | None]:
    """Return the first and the last stored session of a ticker."""
    query = select(instruments.c.first_session, instruments.c.last_session).where(instruments.c.ticker == ticker)
    row = connection.execute(query).one_or_none()
    return (row[0], row[1]) if row else (None, None)


def lock_instrument(connection: Connection, ticker: str, *, calendar: str, currency: str | None, source: str) -> None:
    """Make the ticker known, in the market of `source`; keep other writers away until the transaction ends."""
    row = {"ticker": ticker, "calendar": calendar, "currency": currency, "market": market_of(source)}
    insert_missing(connection, instruments, [row | {"active": True, "no_data_nights": 0}])
    if currency is not None:
        unknown = (instruments.c.ticker == ticker, instruments.c.currency.is_(None))
        connection.execute(instruments.update().where(*unknown).values(currency=currency))
    # SQLite ignores it and needs none: its writers wait for the whole file
    connection.execute(select(instruments.c.ticker).where(instruments.c.ticker == ticker).with_for_update())


def write_span(connection: Connection, ticker: str) -> None:
    """Store which session of the ticker is the first and which the last."""
    first, last = connection.execute(
        select(func.min(prices.c.session), func.max(prices.c.session)).where(prices.c.ticker == ticker)
    ).one()
    connection.execute(
        instruments.update().where(instruments.c.ticker == ticker).values(first_session=first, last_session=last)
    )


def write_updated(
    connection: Connection, ticker: str, *, calendar: str, currency: str | None, updated_at: datetime
) -> None:
    """Store that the source answered, the calendar, and the currency unless the source left it out."""
    values: dict[str, object] = {"calendar": calendar, "updated_at": updated_at}
    if currency is not None:
        values["currency"] = currency
    connection.execute(instruments.update().where(instruments.c.ticker == ticker).values(values))


def write_no_data(connection: Connection, ticker: str, *, nights: int, at: datetime | None, active: bool) -> None:
    """Store on how many nights in a row the source had nothing for the ticker, and whether nights ask for it."""
    connection.execute(
        instruments.update()
        .where(instruments.c.ticker == ticker)
        .values(no_data_nights=nights, no_data_at=at, active=active)
    )


def read_overlap_start(connection: Connection, ticker: str, *, sessions: int, issues_since: date) -> date | None:
    """Return the first session to ask for again: `sessions` stored ones back, or at an older open issue.

    Of a possible split the two sessions before it are asked for too: they tell whether the past was restated. Issues
    before `issues_since` are left to a fetch of the whole history. None where nothing is stored.
    """
    last = (
        select(prices.c.session)
        .where(prices.c.ticker == ticker)
        .order_by(prices.c.session.desc())
        .limit(sessions)
        .subquery()
    )
    overlap: date | None = connection.scalar(select(func.min(last.c.session)))
    oldest = func.min(price_issues.c.session)
    issue, jump = connection.execute(
        select(oldest, oldest.filter(price_issues.c.kind == POSSIBLE_SPLIT)).where(
            price_issues.c.ticker == ticker,
            price_issues.c.resolved_at.is_(None),
            price_issues.c.session >= issues_since,
        )
    ).one()
    before = () if jump is None else _read_sessions_before(connection, ticker, jump, count=_BEFORE_JUMP)
    known = [session for session in (overlap, issue, *before) if session is not None]
    return min(known) if overlap is not None else None


def _read_sessions_before(connection: Connection, ticker: str, session: date, *, count: int) -> Sequence[date]:
    stored = select(prices.c.session).where(prices.c.ticker == ticker, prices.c.session < session)
    return connection.scalars(stored.order_by(prices.c.session.desc()).limit(count)).all()
