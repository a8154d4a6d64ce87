"""Choose by hand which model is in use: promote one, or go back to the one before."""

from datetime import datetime

from sqlalchemy import Connection, Engine

from stockrnn.errors import ModelChoiceError
from stockrnn.store.engine import writing
from stockrnn.store.instruments import read_simulated_time
from stockrnn.store.models import read_model
from stockrnn.store.promotions import IN_USE, read_promotions, write_promotion
from stockrnn.types import Model, Promotion, Ruling, Scope
from stockrnn.types.hashing import make_id


def promote_model(engine: Engine, model_id: str, *, now: datetime) -> Promotion:
    """Take a stored model into use for what it serves, from the next forecast on.

    Raises
    ------
    ModelChoiceError
        There is none of that name, it is in use already, or its weights were pruned.
    """
    with writing(engine) as connection:
        model = _require(connection, model_id)
        scope = Scope(spec=model.spec, target=model.target, ticker=model.ticker, market=model.market)
        in_use = _read_in_use(connection, scope)
        previous = in_use[0].model_id if in_use else None
        if previous == model_id:
            raise ModelChoiceError(f"model {model_id} is in use already")
        return _write(connection, scope, model, previous=previous, ruling="promoted", in_use=in_use, now=now)


def roll_back(engine: Engine, scope: Scope, *, now: datetime) -> Promotion:
    """Take the model into use again that was in use before the present one.

    Raises
    ------
    ModelChoiceError
        There was none before, or its weights were pruned.
    """
    with writing(engine) as connection:
        in_use = _read_in_use(connection, scope)
        if not in_use:
            raise ModelChoiceError(f"{_name(scope)}: no model is in use; 'stockrnn retrain' trains one")
        present = in_use[0].model_id
        came = next(one for one in in_use if one.model_id == present and one.decision == "promoted")
        if came.previous_model_id is None:
            raise ModelChoiceError(f"{_name(scope)}: model {present} is the first one, there is none to go back to")
        model = _require(connection, came.previous_model_id)
        return _write(connection, scope, model, previous=present, ruling="rolled_back", in_use=in_use, now=now)


def _read_in_use(connection: Connection, scope: Scope) -> list[Promotion]:
    decisions = read_promotions(connection, scope)
    return [decision for decision in decisions if decision.decision in IN_USE]


def _require(connection: Connection, model_id: str) -> Model:
    model = read_model(connection, model_id)
    if model is None:
        raise ModelChoiceError(f"no model {model_id!r}; 'stockrnn models list' shows those there are")
    if not model.weights:
        raise ModelChoiceError(f"model {model_id}: its weights were pruned, it can't be used any more")
    return model


def _write(
    connection: Connection,
    scope: Scope,
    model: Model,
    *,
    previous: str | None,
    ruling: Ruling,
    in_use: list[Promotion],
    now: datetime,
) -> Promotion:
    as_of = now
    if scope.market == "simulated":  # whose time may be far from the clock's
        as_of = in_use[0].as_of if in_use else read_simulated_time(connection) or now
    after = in_use[0].promotion_id if in_use else None
    decision = Promotion(
        promotion_id=make_id(model.model_id, ruling, made_of={"after": after}),
        spec=scope.spec,
        target=scope.target,
        ticker=scope.ticker,
        market=scope.market,
        model_id=model.model_id,
        previous_model_id=previous,
        decision=ruling,
        reason="chosen by hand",
        evidence={"by": "hand"},
        as_of=as_of,
        decided_at=now,
    )
    return write_promotion(connection, decision)


def _name(scope: Scope) -> str:
    return f"{scope.ticker or 'all tickers'}, {scope.spec}, {scope.target}"
