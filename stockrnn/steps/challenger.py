"""Try a newly trained model beside those in use, on sessions that none of them was trained on, and decide."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from stockrnn.errors import DamagedModelError
from stockrnn.evaluation.intervals import QUANTILES
from stockrnn.evaluation.metrics import pinball_losses
from stockrnn.models.forecaster import Forecaster
from stockrnn.models.registry import restore
from stockrnn.steps.run import Job
from stockrnn.steps.universe import Universe
from stockrnn.store.engine import reading
from stockrnn.store.models import read_model
from stockrnn.store.promotions import IN_USE
from stockrnn.training.promotion import Decision, choose_champions, decide_promotion, find_fault, refuse
from stockrnn.types import Model, Promotion, Target
from stockrnn.types.hashing import make_id

_KEY = ["ticker", "session"]


def evaluate_challenger(
    job: Job,
    universe: Universe,
    challenger: Model,
    *,
    champion: Model | None,
    decisions: Sequence[Promotion],
) -> Promotion:
    """Decide whether a model that was just trained comes into use.

    Parameters
    ----------
    champion
        The model in use, where the present prices fit it.
    decisions
        Those on the scope in the past year, newest first.
    """
    latest = max(model.cutoff for model in (challenger, champion) if model is not None)
    sessions = universe.trial[universe.trial > pd.Timestamp(latest)]
    tried = forecast_trial(restore(challenger), universe.bars, sessions, target=job.target)
    fault = find_fault(tried)
    if fault is not None:
        decision = refuse(fault)
    else:
        references = (
            {}
            if champion is None
            else _compute_champion_losses(job, universe, tried, champion=champion, decisions=decisions)
        )
        clusters = tried.index.get_level_values("session").to_numpy()
        decision = decide_promotion(trial_losses(tried), references, clusters=clusters, margin=job.spec.margin)
        if not references and any(one.decision in IN_USE for one in decisions):
            decision = replace(decision, reason="no earlier model can forecast the prices as they are now")
    return _describe(job, universe, challenger, champion=champion, decision=decision)


def forecast_trial(
    forecaster: Forecaster, bars: Mapping[str, pd.DataFrame], sessions: pd.DatetimeIndex, *, target: Target
) -> pd.DataFrame:
    """Forecast the sessions of a trial for every ticker.

    Returns
    -------
    DataFrame
        Index `ticker` and `session`; columns as of `Forecaster.forecast_known`, with `actual` and `last_close`, in
        quote currency.
    """
    tables = []
    for ticker, known in bars.items():
        held_out = pd.DatetimeIndex(known.index[known.index.isin(sessions)])
        if len(held_out) == 0:
            continue
        table = forecaster.forecast_known(known, held_out, target=target)
        last_close = known["close"].shift(1).reindex(table.index)
        tables.append(table.assign(ticker=ticker, actual=known[target].reindex(table.index), last_close=last_close))
    if not tables:
        return pd.DataFrame(
            columns=["predicted", "output", "actual", "last_close"], index=pd.MultiIndex.from_tuples([], names=_KEY)
        )
    found = pd.concat(tables).rename_axis("session").set_index("ticker", append=True).reorder_levels(_KEY)
    return found[found["actual"].notna()]


def trial_losses(tried: pd.DataFrame) -> np.ndarray:
    """Return each forecast's loss over the last close: pinball where there are quantiles, else the absolute error."""
    actual, close = tried["actual"].to_numpy(dtype=np.float64), tried["last_close"].to_numpy(dtype=np.float64)
    if "lower_80" in tried:
        quantiles = {level: tried[name].to_numpy(dtype=np.float64) for level, name in QUANTILES.items()}
        return np.asarray(pinball_losses(actual, quantiles) / close)
    return np.asarray(np.abs(tried["predicted"].to_numpy(dtype=np.float64) - actual) / close)


def _compute_champion_losses(
    job: Job, universe: Universe, tried: pd.DataFrame, *, champion: Model, decisions: Sequence[Promotion]
) -> dict[str, np.ndarray]:
    """Return the losses of the champions of a year on the forecasts that the challenger made.

    One that has seen some of the sessions, whose weights are gone, or which can't forecast all of them, says nothing.
    """
    in_use = [(decision.model_id, decision.as_of.date()) for decision in decisions if decision.decision in IN_USE]
    sessions = pd.DatetimeIndex(tried.index.get_level_values("session").unique())
    losses = {}
    for model_id in dict.fromkeys([champion.model_id, *choose_champions(in_use)]):
        model = champion if model_id == champion.model_id else _read(job, model_id)
        if model is None or pd.Timestamp(model.cutoff) >= sessions.min():
            continue
        try:
            forecasts = forecast_trial(restore(model), universe.bars, sessions, target=model.target)
        except DamagedModelError:
            continue
        loss = trial_losses(forecasts.reindex(tried.index))
        if np.isfinite(loss).all():
            losses[model_id] = loss
    return losses


def name_decision(challenger: Model, universe: Universe) -> str:
    """Name a decision by its model and what was known: two runs that decide on the same decide once."""
    return make_id(challenger.model_id, universe.known_through, made_of={})


def _read(job: Job, model_id: str) -> Model | None:
    with reading(job.engine) as connection:
        return read_model(connection, model_id)


def _describe(
    job: Job, universe: Universe, challenger: Model, *, champion: Model | None, decision: Decision
) -> Promotion:
    scope, known_through = job.scope, universe.known_through
    evidence = asdict(decision) | {"by": "training", "mode": challenger.config["mode"], "margin": job.spec.margin}
    return Promotion(
        promotion_id=name_decision(challenger, universe),
        spec=scope.spec,
        target=job.target,
        ticker=scope.ticker,
        market=scope.market,
        model_id=challenger.model_id,
        previous_model_id=champion.model_id if champion else None,
        decision="promoted" if decision.promoted else "rejected",
        reason=decision.reason,
        evidence=_as_json(evidence, known_through),
        as_of=job.history.as_of,
        decided_at=job.now,
    )


def _as_json(evidence: dict[str, Any], known_through: date) -> dict[str, Any]:
    """Leave out what is no number: JSON has none such."""
    known = {name: value for name, value in evidence.items() if value == value}  # noqa: PLR0124  # NaN
    return known | {"known_through": known_through.isoformat()}
