"""Read and write corporate actions; a value that the source later corrects moves to `action_revisions`."""

import math
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, select

from stockrnn.store.order import date_prices
from stockrnn.store.schema import action_revisions, corporate_actions
from stockrnn.types import Action, Span

_TOLERANCE = 1e-6


def read_actions(connection: Connection, ticker: str) -> list[Action]:
    """Return the corporate actions of a ticker in order of their dates."""
    table = corporate_actions
    query = select(table.c.ex_date, table.c.kind, table.c.value).where(table.c.ticker == ticker)
    return [Action(**row._asdict()) for row in connection.execute(query.order_by(table.c.ex_date, table.c.kind))]


def differ(stored: Sequence[Action], offered: Sequence[Action], asked: Span) -> bool:
    """Whether the source reports other actions from `asked.first` on than those that are stored."""
    return any(_changes(stored, offered, asked))


def write_actions(
    connection: Connection, ticker: str, offered: Sequence[Action], *, asked: Span, observed_at: datetime
) -> None:
    """Store what the source reports of actions from `asked.first` on: new, changed, or no longer there."""
    observed_at = date_prices(connection, observed_at, ticker=ticker)
    gone, new = _changes(read_actions(connection, ticker), offered, asked)
    table = corporate_actions
    for ex_date, kind in gone:
        here = (table.c.ticker == ticker, table.c.ex_date == ex_date, table.c.kind == kind)
        old = connection.execute(select(table).where(*here)).one()._asdict()
        connection.execute(action_revisions.insert().values(superseded_at=observed_at, **old))
        connection.execute(table.delete().where(*here))
    rows = [
        {"ticker": ticker, "ex_date": ex_date, "kind": kind, "value": value, "observed_at": observed_at}
        for (ex_date, kind), value in new.items()
    ]
    if rows:
        connection.execute(table.insert(), rows)


def _changes(
    stored: Sequence[Action], offered: Sequence[Action], asked: Span
) -> tuple[set[tuple[date, str]], dict[tuple[date, str], float]]:
    """Return the keys whose stored value no longer holds, and the values to store."""
    old = {(action.ex_date, str(action.kind)): action.value for action in stored if action.ex_date >= asked.first}
    now = {(action.ex_date, str(action.kind)): action.value for action in offered if action.ex_date >= asked.first}
    same = {key for key in old.keys() & now.keys() if math.isclose(old[key], now[key], rel_tol=_TOLERANCE)}
    # a source is asked up to a day: later actions that it leaves out may still be to come
    gone = {key for key in old.keys() - same if key in now or key[0] <= asked.last}
    return gone, {key: value for key, value in now.items() if key not in same}
