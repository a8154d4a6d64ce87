"""Date what is written, so that the order of times is the order of writing, also where a clock went backwards.

A forecast rests on whatever was written before it, and a replay finds that by its times: what is written later has to
be dated later. Where clocks go forwards, every moment is returned as it is.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from stockrnn.store.schema import (
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


def date_write(connection: Connection, moment: datetime, *, ticker: str, **key: str) -> datetime:
    """Return `moment`, or a later one: after all that any forecast of the ticker rests on.

    Parameters
    ----------
    key
        `target` and `spec`, where what is written concerns their forecasts alone.
    """
    newest = func.max(func.coalesce(forecasts.c.known_at, forecasts.c.issued_at), type_=forecasts.c.issued_at.type)
    return later(moment, connection.scalar(select(newest).filter_by(ticker=ticker, **key)))


def date_prices(connection: Connection, moment: datetime, *, ticker: str) -> datetime:
    """Return `moment`, or a later one: not before anything that was written of the ticker's prices and actions.

    A bar so stands from its `observed_at` to a later `superseded_at`; and no forecast rests on what is written now.
    """
    written = (
        connection.scalar(select(func.max(column, type_=column.type)).where(column.table.c.ticker == ticker))
        for column in (
            prices.c.observed_at,
            price_revisions.c.superseded_at,
            corporate_actions.c.observed_at,
            action_revisions.c.superseded_at,
        )
    )
    newest = max((at for at in written if at is not None), default=moment)
    return date_write(connection, later(moment, newest) if newest > moment else moment, ticker=ticker)


def read_latest_moment(connection: Connection) -> datetime | None:
    """Return the latest time of the clock that the store knows of: when a run began, or a model was decided on."""
    moments = (
        connection.scalar(select(func.max(column, type_=column.type)))
        for column in (runs.c.started_at, promotions.c.decided_at)
    )
    return max((moment for moment in moments if moment is not None), default=None)
