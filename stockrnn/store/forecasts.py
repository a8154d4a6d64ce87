"""Read and write forecasts. The first one issued for a key stands."""

from dataclasses import asdict, fields
from datetime import date

from sqlalchemy import Connection, select

from stockrnn.store.schema import forecasts
from stockrnn.store.upsert import insert_missing
from stockrnn.types import Forecast, Kind, Target

_COLUMNS = [forecasts.c[field.name] for field in fields(Forecast)]


def write_forecast(connection: Connection, forecast: Forecast) -> Forecast:
    """Store a forecast unless one stands for its key, and return the one that stands."""
    insert_missing(connection, forecasts, [asdict(forecast)])
    standing = read_forecast(
        connection,
        ticker=forecast.ticker,
        target=forecast.target,
        spec=forecast.spec,
        cutoff=forecast.cutoff,
        kind=forecast.kind,
    )
    return standing or forecast


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


def read_last_cutoff(connection: Connection, ticker: str) -> date | None:
    """Return the latest cutoff that any forecast of the ticker was issued from."""
    query = select(forecasts.c.cutoff).where(forecasts.c.ticker == ticker).order_by(forecasts.c.cutoff.desc())
    return connection.scalar(query.limit(1))
