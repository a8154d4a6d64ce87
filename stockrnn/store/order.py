"""Date what is written, so that the order of times is the order of writing, also where a clock went backwards.

A forecast rests on whatever was written before it, and a replay finds that by its times: what is written later has to
be dated later. Where clocks go forwards, every moment is returned as it is.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, func, select, union_all

from stockrnn.store.schema import (
    UtcDateTime,
    action_revisions,
    corporate_actions,
    forecasts,
    price_revisions,
    prices,
    promotions,
    runs,
)

INSTANT = timedelta(microseconds=1)


def later(moment: datetime, than: datetime | None) -> datetime:
    """Return `moment`, or the first one after `than` where that is later."""
    return moment if than is None or moment > than else than + INSTANT


def read_newest(connection: Connection, *queries: Select[tuple[datetime | None]]) -> datetime | None:
    """Return the latest of the times that the queries find, None where they find none."""
    (found,) = union_all(*queries).subquery().c
    newest: datetime | None = connection.scalar(select(func.max(found, type_=UtcDateTime())))
    return newest


def date_write(connection: Connection, moment: datetime, *, ticker: str, **key: str) -> datetime:
    """Return `moment`, or a later one: after all that any forecast of the ticker rests on.

    Parameters
    ----------
    key
        `target` and `spec`, where what is written concerns their forecasts alone.
    """
    return later(moment, read_newest(connection, _select_known({"ticker": ticker, **key})))


def date_prices(connection: Connection, moment: datetime, *, ticker: str) -> datetime:
    """Return `moment`, or a later one: not before anything that was written of the ticker's prices and actions.

    A bar so stands from its `observed_at` to a later `superseded_at`; and no forecast rests on what is written now.
    """
    written = [
        select(func.max(column)).where(column.table.c.ticker == ticker)
        for column in (
            prices.c.observed_at,
            price_revisions.c.superseded_at,
            corporate_actions.c.observed_at,
            action_revisions.c.superseded_at,
        )
    ]
    known = read_newest(connection, _select_known({"ticker": ticker}))
    newest = read_newest(connection, *written) or moment
    return later(later(moment, newest) if newest > moment else moment, known)


def read_latest_moment(connection: Connection) -> datetime | None:
    """Return the latest time of the clock that the store knows of: when a run began, or a model was decided on."""
    return read_newest(connection, select(func.max(runs.c.started_at)), select(func.max(promotions.c.decided_at)))


def _select_known(key: Mapping[str, str]) -> Select[tuple[datetime | None]]:
    return select(func.max(func.coalesce(forecasts.c.known_at, forecasts.c.issued_at))).filter_by(**key)
