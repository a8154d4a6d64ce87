"""Read and write trained models."""

from dataclasses import asdict, fields
from datetime import date

from sqlalchemy import Connection, select

from stockrnn.store.schema import models
from stockrnn.store.upsert import insert_missing
from stockrnn.types import Model, Target

_COLUMNS = [models.c[field.name] for field in fields(Model)]


def write_model(connection: Connection, model: Model) -> None:
    """Store a model; one with the same model_id stands."""
    insert_missing(connection, models, [asdict(model)])


def read_model(connection: Connection, model_id: str) -> Model | None:
    """Return the model with its weights, None where there is none of that name."""
    row = connection.execute(select(*_COLUMNS).where(models.c.model_id == model_id)).mappings().one_or_none()
    return Model(**row) if row else None


def read_latest_model(
    connection: Connection, *, ticker: str, spec: str, target: Target, cutoff: date
) -> Model | None:
    """Return the newest model that knows no session after `cutoff`; of equals the one trained last."""
    query = (
        select(*_COLUMNS)
        .where(
            models.c.ticker == ticker,
            models.c.spec == spec,
            models.c.target == target,
            models.c.cutoff <= cutoff,
        )
        .order_by(models.c.cutoff.desc(), models.c.trained_at.desc(), models.c.model_id)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return Model(**row) if row else None
