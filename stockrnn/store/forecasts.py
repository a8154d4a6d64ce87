"""Read and write forecasts. The first one issued for a key stands."""

from dataclasses import asdict, fields
from datetime import date, datetime

from sqlalchemy import Connection, case, func, select

from stockrnn.store.schema import UtcDateTime, forecasts
from stockrnn.types import Forecast, Kind, Target

_COLUMNS = [forecasts.c[field.name] for field in fields(Forecast)]


def write_forecast(connection: Connection, forecast: Forecast) -> Forecast:
    """Store a forecast unless one stands for its key, and return the one that stands."""
    key = {name: getattr(forecast, name) for name in ("ticker", "target", "spec", "cutoff", "kind")}
    standing = read_forecast(connection, **key)
    if standing is None:
        connection.execute(forecasts.insert(), [asdict(forecast)])
    return standing or forecast


def read_clock(connection: Connection) -> datetime:
    """Return the time by the clock of the database, which stamps `recorded_at`."""
    return connection.execute(select(func.current_timestamp(type_=UtcDateTime()))).scalar_one()


def read_forecast(
    connection: Connection, *, ticker: str, target: Target, spec: str, cutoff: date, kind: Kind
) -> Forecast | None:
    """Return the forecast of a key, None where none was issued."""
    query = select(*_COLUMNS).where(
        forecasts.c.ticker == ticker,
        forecasts.c.target == target,
        forecasts.c.spec == spec,
        forecasts.c.cutoff == cutoff,
        forecasts.c.kind == kind,
    )
    row = connection.execute(query).mappings().one_or_none()
    return Forecast(**row) if row else None


def read_forecast_by_id(connection: Connection, forecast_id: str) -> Forecast | None:
    """Return the forecast of that name, None where there is none."""
    row = connection.execute(select(*_COLUMNS).where(forecasts.c.forecast_id == forecast_id)).mappings().one_or_none()
    return Forecast(**row) if row else None


def read_forecast_ids(connection: Connection, *, since: date | None = None) -> list[str]:
    """Return the names of all forecasts whose cutoff is not before `since`, oldest first."""
    query = select(forecasts.c.forecast_id).order_by(forecasts.c.cutoff, forecasts.c.forecast_id)
    return list(connection.scalars(query if since is None else query.where(forecasts.c.cutoff >= since)))


def read_latest_forecast(
    connection: Connection, *, ticker: str, target: Target, spec: str, through: date
) -> Forecast | None:
    """Return the forecast with the latest cutoff up to `through`, a live one before a hindcast; None without one."""
    query = (
        select(*_COLUMNS)
        .where(
            forecasts.c.ticker == ticker,
            forecasts.c.target == target,
            forecasts.c.spec == spec,
            forecasts.c.cutoff <= through,
        )
        .order_by(forecasts.c.cutoff.desc(), forecasts.c.kind.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return Forecast(**row) if row else None


def are_late(connection: Connection, *, ticker: str, target: Target, nights: int) -> bool:
    """Whether none of the forecasts of the newest cutoffs, `nights` of them, is live, issued on as many days.

    Hindcasts of one day are those of somebody who asked for the past.
    """
    live = func.sum(case((forecasts.c.kind == "live", 1), else_=0))
    issued = func.min(forecasts.c.issued_at, type_=forecasts.c.issued_at.type)
    query = (
        select(live, issued)
        .where(forecasts.c.ticker == ticker, forecasts.c.target == target)
        .group_by(forecasts.c.cutoff)
        .order_by(forecasts.c.cutoff.desc())
        .limit(nights)
    )
    rows = connection.execute(query).all()
    return not any(row[0] for row in rows) and len({row[1].date() for row in rows}) == nights


def read_last_cutoffs(connection: Connection, *, target: Target) -> dict[tuple[str, str], date]:
    """Return the latest cutoff that each ticker and spec was forecast from."""
    query = (
        select(forecasts.c.ticker, forecasts.c.spec, func.max(forecasts.c.cutoff))
        .where(forecasts.c.target == target)
        .group_by(forecasts.c.ticker, forecasts.c.spec)
    )
    return {(ticker, spec): cutoff for ticker, spec, cutoff in connection.execute(query)}


def read_last_cutoff(connection: Connection, ticker: str) -> date | None:
    """Return the latest cutoff that any forecast of the ticker was issued from."""
    query = select(forecasts.c.cutoff).where(forecasts.c.ticker == ticker).order_by(forecasts.c.cutoff.desc())
    return connection.scalar(query.limit(1))
