"""Read and write the decisions on which model is in use."""

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, Select, func, select

from stockrnn.store.models import read_model
from stockrnn.store.order import later
from stockrnn.store.schema import models, promotions
from stockrnn.types import Model, Promotion, Scope

_COLUMNS = [promotions.c[field.name] for field in fields(Promotion)]
IN_USE = ("promoted", "rolled_back")
"""Decisions that put their model into use."""


def write_promotion(connection: Connection, promotion: Promotion, *, of_the_past: bool = False) -> Promotion:
    """Add a decision unless the same one stands already; return the one that stands.

    It is dated after all decisions on its scope, so that it counts from now on, whatever the clock says.

    Parameters
    ----------
    of_the_past
        It was made for an earlier session, whose order among the others is that of its `as_of`.
    """
    standing = read_promotion(connection, promotion.promotion_id)
    if standing is not None:
        return standing
    newest = [func.max(column, type_=column.type) for column in (promotions.c.as_of, promotions.c.decided_at)]
    as_of, decided_at = connection.execute(select(*newest).where(*_in_scope(promotion.scope))).one()
    dated = replace(
        promotion,
        as_of=promotion.as_of if of_the_past else later(promotion.as_of, as_of),
        decided_at=later(promotion.decided_at, decided_at),
    )
    connection.execute(promotions.insert(), [asdict(dated)])
    return dated


def read_promotion(connection: Connection, promotion_id: str) -> Promotion | None:
    """Return the decision of that name, None where there is none."""
    row = connection.execute(select(*_COLUMNS).where(promotions.c.promotion_id == promotion_id)).mappings().first()
    return Promotion(**row) if row else None


def read_promotions(
    connection: Connection, scope: Scope, *, before: datetime | None = None, since: datetime | None = None
) -> list[Promotion]:
    """Return the decisions on a scope, newest first; those made for times before `before` and not before `since`."""
    query = select(*_COLUMNS).where(*_in_scope(scope))
    if before is not None:
        query = query.where(promotions.c.as_of < before)
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


def read_champion(
    connection: Connection, scope: Scope, *, cutoff: date, before: datetime | None = None
) -> Model | None:
    """Return the model in use which knows no session after `cutoff`; None where there is none.

    Parameters
    ----------
    before
        Look at decisions made for earlier times alone; None: at all.
    """
    model_id = read_champion_id(connection, scope, cutoff=cutoff, before=before)
    return read_model(connection, model_id) if model_id else None


def read_champion_id(
    connection: Connection, scope: Scope, *, cutoff: date, before: datetime | None = None
) -> str | None:
    """Return the name of what `read_champion` returns."""
    query = _select_used(scope).where(models.c.cutoff <= cutoff)
    if before is not None:
        query = query.where(promotions.c.as_of < before)
    newest_first = (promotions.c.as_of.desc(), promotions.c.decided_at.desc(), promotions.c.promotion_id)
    return connection.scalar(query.order_by(*newest_first).limit(1))


def read_first_champion(connection: Connection, scope: Scope, *, before: date) -> Model | None:
    """Return the model that was first taken into use of those that know no session from `before` on."""
    query = _select_used(scope).where(models.c.cutoff < before)
    model_id = connection.scalar(query.order_by(promotions.c.decided_at, promotions.c.promotion_id).limit(1))
    return read_model(connection, model_id) if model_id else None


def _select_used(scope: Scope) -> Select[tuple[str]]:
    """Select the models that ever came into use."""
    return (
        select(models.c.model_id)
        .join(promotions, promotions.c.model_id == models.c.model_id)
        .where(*_in_scope(scope), promotions.c.decision.in_(IN_USE))
    )


def _in_scope(scope: Scope) -> Sequence[ColumnElement[bool]]:
    ticker = promotions.c.ticker
    return (
        promotions.c.spec == scope.spec,
        promotions.c.target == scope.target,
        ticker.is_(None) if scope.ticker is None else ticker == scope.ticker,
        promotions.c.market == scope.market,
    )
