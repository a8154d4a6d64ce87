"""Read and write the issues `possible_split`: of jumps that stand in the stored prices, until they are gone.

Other issues are resolved by a good bar of their session. A jump lies between two good bars, so these are judged by
what is stored, after each write, as far back as it went.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, select

from stockrnn.market.possible_splits import (
    CONTEXT_SESSIONS,
    POSSIBLE_SPLIT,
    Jump,
    explain_jump,
    find_jumps,
    is_same_jump,
    make_issue,
    moves_far,
)
from stockrnn.store.schema import price_issues, prices
from stockrnn.types import BAR_COLUMNS, Action

_PERSON = "person"


def write_possible_splits(
    connection: Connection,
    ticker: str,
    bars: pd.DataFrame,
    *,
    changed: pd.Index,
    actions: Sequence[Action],
    observed_at: datetime,
) -> int:
    """Open, change and resolve issues so that they are those of the jumps in `bars`; return how many are open there.

    One that a person resolved stays resolved as long as its jump is the same.

    Parameters
    ----------
    bars
        What is stored now from the first session of a write on: index `session` ascending, columns `BAR_COLUMNS`.
    changed
        The sessions that the write added or changed.
    actions
        The known corporate actions: a jump that a split among them explains is no issue.
    """
    if bars.empty:
        return 0
    first = pd.Timestamp(bars.index[0])
    known = _read_known(connection, ticker, first=first.date())
    jumps: list[Jump] = []
    if first in changed or known or moves_far(bars):
        begin = _read_before(connection, ticker, first.date())
        found = find_jumps(pd.concat([begin, bars]) if len(begin) else bars)
        jumps = [jump for jump in found if jump.session >= first.date() and not explain_jump(jump, actions)]
    standing = [jump for jump in jumps if not _is_accepted(known.get(jump.session), jump)]
    for jump in standing:
        _open(connection, ticker, jump, known.get(jump.session), observed_at)
    for session in known.keys() - {jump.session for jump in jumps}:
        if known[session].resolved_at is None:
            _change(connection, ticker, session, resolved_at=observed_at, resolved_by="source")
    return len(standing)


def read_possible_splits(connection: Connection) -> list[tuple[str, date]]:
    """Return ticker and session of each open issue, in that order."""
    query = (
        select(price_issues.c.ticker, price_issues.c.session)
        .where(price_issues.c.kind == POSSIBLE_SPLIT, price_issues.c.resolved_at.is_(None))
        .order_by(price_issues.c.ticker, price_issues.c.session)
    )
    return [(row.ticker, row.session) for row in connection.execute(query)]


def resolve_possible_split(connection: Connection, ticker: str, session: date, *, at: datetime) -> bool:
    """Note that a person has looked at a jump and takes it as it is; False where no issue of it is open."""
    row = _read_known(connection, ticker, first=session).get(session)
    if row is None or row.resolved_at is not None:
        return False
    _change(connection, ticker, session, resolved_at=at, resolved_by=_PERSON)
    return True


def _read_known(connection: Connection, ticker: str, *, first: date) -> dict[date, Row[Any]]:
    query = select(price_issues).where(
        price_issues.c.ticker == ticker, price_issues.c.kind == POSSIBLE_SPLIT, price_issues.c.session >= first
    )
    return {row.session: row for row in connection.execute(query)}


def _read_before(connection: Connection, ticker: str, first: date) -> pd.DataFrame:
    """Return the stored bars that say what was ordinary before `first`."""
    query = (
        select(prices.c.session, *(prices.c[name] for name in BAR_COLUMNS))
        .where(prices.c.ticker == ticker, prices.c.session < first)
        .order_by(prices.c.session.desc())
        .limit(CONTEXT_SESSIONS)
    )
    rows = [tuple(row) for row in connection.execute(query)][::-1]
    frame = pd.DataFrame(rows, columns=["session", *BAR_COLUMNS])
    return frame.set_index(pd.DatetimeIndex(pd.to_datetime(frame.pop("session")))).astype("float64")


def _is_accepted(row: Row[Any] | None, jump: Jump) -> bool:
    """Whether a person has resolved this very jump."""
    if row is None or row.resolved_by != _PERSON:
        return False
    return is_same_jump(jump.factor, row.raw["open"] / row.raw["close"])


def _open(connection: Connection, ticker: str, jump: Jump, row: Row[Any] | None, observed_at: datetime) -> None:
    issue = make_issue(jump, ticker)
    said: dict[str, Any] = {"detail": issue.detail, "raw": dict(issue.raw)}
    if row is None:
        key = {"ticker": ticker, "session": jump.session, "kind": POSSIBLE_SPLIT}
        connection.execute(price_issues.insert().values(**key, **said, detected_at=observed_at))
    elif row.resolved_at is not None:
        again = {"detected_at": observed_at, "resolved_at": None, "resolved_by": None}
        _change(connection, ticker, jump.session, **said, **again)
    elif row.raw != said["raw"]:
        _change(connection, ticker, jump.session, **said)


def _change(connection: Connection, ticker: str, session: date, **values: object) -> None:
    connection.execute(
        price_issues.update()
        .where(
            price_issues.c.ticker == ticker,
            price_issues.c.session == session,
            price_issues.c.kind == POSSIBLE_SPLIT,
        )
        .values(values)
    )
