"""Date what is written, so that the order of times is the order of writing, also where a clock went backwards.

A forecast rests on whatever was written before it, and a replay finds that by its times: what is written later has to
be dated later. Where clocks go forwards, every moment is returned as it is.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from stockrnn.store.schema import forecasts, promotions, runs

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


def read_latest_moment(connection: Connection) -> datetime | None:
    """Return the latest time of the clock that the store knows of: when a run began, or a model was decided on."""
    moments = (
        connection.scalar(select(func.max(column, type_=column.type)))
        for column in (runs.c.started_at, promotions.c.decided_at)
    )
    return max((moment for moment in moments if moment is not None), default=None)
