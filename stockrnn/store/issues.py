"""Read and write what is wrong with prices: rows quarantined, sessions missing."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from stockrnn.market.possible_splits import POSSIBLE_SPLIT
from stockrnn.store.schema import price_issues
from stockrnn.store.upsert import insert_missing
from stockrnn.types import PriceIssue, Span


def write_issues(
    connection: Connection,
    ticker: str,
    issues: Sequence[PriceIssue],
    *,
    good: pd.Index,
    asked: Span | None,
    observed_at: datetime,
) -> None:
    """Store issues that are new, open again those that had been resolved, and resolve those that are gone.

    Possible splits are left alone: `store/possible_splits.py` judges them.

    Parameters
    ----------
    good
        Sessions of which a good bar was offered: their other issues are resolved.
    asked
        What the source was asked for: issues in it that it shows no longer are resolved. None for files, which
        say nothing about the sessions that they lack.
    """
    rows: list[dict[str, Any]] = [
        {
            "ticker": ticker,
            "session": issue.session,
            "kind": issue.kind,
            "detail": issue.detail,
            "raw": dict(issue.raw),
            "detected_at": observed_at,
        }
        for issue in issues
    ]
    offered = {(issue.session, issue.kind) for issue in issues}
    known = _read_known(connection, ticker)
    insert_missing(connection, price_issues, [row for row in rows if (row["session"], row["kind"]) not in known])
    for row in rows:
        if known.get((row["session"], row["kind"])) is not None:
            again = {name: row[name] for name in ("detail", "raw", "detected_at")}
            _change(connection, ticker, row["session"], row["kind"], resolved_at=None, resolved_by=None, **again)
    for (session, kind), resolved_at in known.items():
        gone = pd.Timestamp(session) in good or (asked is not None and asked.first <= session <= asked.last)
        if resolved_at is None and gone and (session, kind) not in offered:
            _change(connection, ticker, session, kind, resolved_at=observed_at, resolved_by="source")


def _read_known(connection: Connection, ticker: str) -> dict[tuple[date, str], datetime | None]:
    query = select(price_issues.c.session, price_issues.c.kind, price_issues.c.resolved_at)
    rows = connection.execute(query.where(price_issues.c.ticker == ticker, price_issues.c.kind != POSSIBLE_SPLIT))
    return {(row.session, row.kind): row.resolved_at for row in rows}


def _change(connection: Connection, ticker: str, session: date, kind: str, **values: object) -> None:
    connection.execute(
        price_issues.update()
        .where(
            price_issues.c.ticker == ticker,
            price_issues.c.session == session,
            price_issues.c.kind == kind,
        )
        .values(values)
    )
