"""Read which rows are newer than the last stored session and can't be used: why a ticker is behind."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, or_, select

from stockrnn.market.bars import MISSING_SESSION, NOT_SETTLED
from stockrnn.store.schema import instruments, price_issues


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRow:
    """A row that a source sent of a session for which no bar is stored, with what is wrong with it."""

    ticker: str
    session: date
    kind: str
    detail: str


def read_quarantined(connection: Connection, ticker: str | None = None) -> list[QuarantinedRow]:
    """Return the rows that are newer than the last stored session of their ticker, by ticker and session.

    ticker: None for all that nights ask for.
    """
    query = (
        select(price_issues.c.ticker, price_issues.c.session, price_issues.c.kind, price_issues.c.detail)
        .join(instruments, instruments.c.ticker == price_issues.c.ticker)
        .where(
            price_issues.c.resolved_at.is_(None),
            price_issues.c.kind.not_in((MISSING_SESSION, NOT_SETTLED)),
            or_(instruments.c.last_session.is_(None), price_issues.c.session > instruments.c.last_session),
            instruments.c.active if ticker is None else price_issues.c.ticker == ticker,
        )
        .order_by(price_issues.c.ticker, price_issues.c.session, price_issues.c.kind)
    )
    return [QuarantinedRow(**row._asdict()) for row in connection.execute(query)]


def describe_quarantined(rows: list[QuarantinedRow]) -> str | None:
    """Say of a ticker's quarantined rows which they are and what is wrong with the newest; None without any."""
    if not rows:
        return None
    newest = rows[-1]
    earlier = len({row.session for row in rows}) - 1
    also = f", as {earlier} before it" if earlier else ""
    return f"the bar of {newest.session} was quarantined{also} ({newest.kind}: {newest.detail})"
