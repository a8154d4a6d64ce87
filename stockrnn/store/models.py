"""Read and write trained models."""

from collections.abc import Collection
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import Connection, func, select

from stockrnn.store.schema import forecasts, models, promotions
from stockrnn.store.upsert import insert_missing
from stockrnn.types import Model

_COLUMNS = [models.c[field.name] for field in fields(Model)]


def write_model(connection: Connection, model: Model) -> None:
    """Store a model; one with the same model_id stands."""
    insert_missing(connection, models, [asdict(model)])


def read_model(connection: Connection, model_id: str) -> Model | None:
    """Return the model with its weights, None where there is none of that name."""
    row = connection.execute(select(*_COLUMNS).where(models.c.model_id == model_id)).mappings().one_or_none()
    return Model(**row) if row else None


def read_weight_sizes(connection: Connection) -> dict[str, int]:
    """Return the bytes of weights of each model that still has some."""
    size = func.length(models.c.weights)
    return {row[0]: row[1] for row in connection.execute(select(models.c.model_id, size).where(size > 0))}


def read_needed_models(connection: Connection, *, since: datetime) -> set[str]:
    """Return the models in use, and those trained, decided on or forecast with from `since` on."""
    decisions = connection.execute(
        select(
            promotions.c.spec,
            promotions.c.target,
            promotions.c.ticker,
            promotions.c.market,
            promotions.c.model_id,
        )
        .where(promotions.c.decision != "rejected")
        .order_by(promotions.c.as_of, promotions.c.decided_at, promotions.c.promotion_id)
    ).all()
    in_use = {row[:4]: row.model_id for row in decisions}  # the newest of a scope is set last
    queries = (
        select(models.c.model_id).where(models.c.trained_at >= since),
        select(promotions.c.model_id).where(promotions.c.decided_at >= since),
        select(promotions.c.previous_model_id).where(promotions.c.decided_at >= since),
        select(forecasts.c.model_id).where(forecasts.c.issued_at >= since),
    )
    return {*in_use.values(), *(name for query in queries for name in connection.scalars(query) if name)}


def prune_weights(connection: Connection, model_ids: Collection[str]) -> None:
    """Drop the weights of models; their rows stay, so that forecasts can still be traced to them."""
    for model_id in model_ids:
        connection.execute(models.update().where(models.c.model_id == model_id).values(weights=b""))
