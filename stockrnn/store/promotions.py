"""Read and write the decisions on which model is in use."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, select

from stockrnn.store.models import COLUMNS as MODEL_COLUMNS
from stockrnn.store.schema import models, promotions
from stockrnn.types import Model, Promotion, Scope

_COLUMNS = [promotions.c[field.name] for field in fields(Promotion)]
IN_USE = ("promoted", "rolled_back")
"""Decisions that put their model into use."""


def write_promotion(connection: Connection, promotion: Promotion) -> None:
    """Add a decision, unless the same one stands already."""
    key = promotions.c.promotion_id == promotion.promotion_id
    if connection.scalar(select(promotions.c.promotion_id).where(key)) is None:  # the trigger refuses even to try
        connection.execute(promotions.insert(), [asdict(promotion)])


def read_promotions(
    connection: Connection, scope: Scope, *, as_of: datetime | None = None, since: datetime | None = None
) -> list[Promotion]:
    """Return the decisions on a scope, newest first; those made for times up to `as_of` and not before `since`."""
    query = select(*_COLUMNS).where(*_in_scope(scope))
    if as_of is not None:
        query = query.where(promotions.c.as_of <= as_of)
    if since is not None:
        query = query.where(promotions.c.as_of >= since)
    ordered = query.order_by(promotions.c.as_of.desc(), promotions.c.decided_at.desc(), promotions.c.promotion_id)
    return [Promotion(**row) for row in connection.execute(ordered).mappings()]


def read_all_promotions(connection: Connection, *, specs: Sequence[str] | None = None) -> list[Promotion]:
    """Return every decision, on those specs alone if they are named, newest first."""
    query = select(*_COLUMNS).order_by(
        promotions.c.as_of.desc(), promotions.c.decided_at.desc(), promotions.c.promotion_id
    )
    if specs is not None:
        query = query.where(promotions.c.spec.in_(specs))
    return [Promotion(**row) for row in connection.execute(query).mappings()]


def read_champion(connection: Connection, scope: Scope, *, as_of: datetime, cutoff: date) -> Model | None:
    """Return the model in use at `as_of` which knows no session after `cutoff`; None where there is none."""
    query = (
        select(*MODEL_COLUMNS)
        .join(promotions, promotions.c.model_id == models.c.model_id)
        .where(
            *_in_scope(scope),
            promotions.c.decision.in_(IN_USE),
            promotions.c.as_of <= as_of,
            models.c.cutoff <= cutoff,
        )
        .order_by(promotions.c.as_of.desc(), promotions.c.decided_at.desc(), promotions.c.promotion_id)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return Model(**row) if row else None


def read_first_champion(connection: Connection, scope: Scope, *, before: date) -> Model | None:
    """Return the model that was first in use of those that know no session from `before` on."""
    query = (
        select(*MODEL_COLUMNS)
        .join(promotions, promotions.c.model_id == models.c.model_id)
        .where(*_in_scope(scope), promotions.c.decision.in_(IN_USE), models.c.cutoff < before)
        .order_by(promotions.c.as_of, promotions.c.decided_at, promotions.c.promotion_id)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return Model(**row) if row else None


def _in_scope(scope: Scope) -> Sequence[ColumnElement[bool]]:
    ticker = promotions.c.ticker
    return (
        promotions.c.spec == scope.spec,
        promotions.c.target == scope.target,
        ticker.is_(None) if scope.ticker is None else ticker == scope.ticker,
        promotions.c.market == scope.market,
    )
