"""Train a model where one is due, try it, and take it into use unless it may be worse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from stockrnn.errors import HoldoutError, TrainingError
from stockrnn.steps.challenger import evaluate_challenger
from stockrnn.steps.job import History, Job, read_history
from stockrnn.steps.universe import Universe, find_scope, read_universe
from stockrnn.store.engine import reading, writing
from stockrnn.store.models import read_model, write_model
from stockrnn.store.promotions import read_champion, read_promotions, write_promotion
from stockrnn.training.policy import count_sessions, explain_due
from stockrnn.training.train import OnEpoch, Trainer, describe_config, fit_model, name_model, train_model
from stockrnn.types import Model, Promotion, Scope

_RESTATED = 0.01
"""Relative; a correction of some bar is smaller, or was worth a training."""
_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """The model in use after the step.

    Attributes
    ----------
    model
        The one in use.
    candidate
        The one that was trained now; None where none was due, or none came of it.
    reason
        Why it was trained; None where none was due.
    decision
        What became of it.
    failure
        Why no candidate came of a training that was due; the model in use stays.
    """

    model: Model
    candidate: Model | None = None
    reason: str | None = None
    decision: Promotion | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is known before the training.

    Attributes
    ----------
    champion
        The model in use; `fitting` where the present prices fit it.
    parent
        What a warm training goes on from.
    """

    champion: Model | None
    fitting: bool
    decisions: Sequence[Promotion]
    reason: str | None
    parent: Model | None = None


def retrain_if_due(
    job: Job, *, force: bool = False, trainer: Trainer = fit_model, on_epoch: OnEpoch | None = None
) -> Retrained:
    """Return the model in use for the job's ticker, after a training if the spec says so or `force` does.

    A model for all tickers is trained at the first of them; at the others nothing is due any more.

    Raises
    ------
    UnknownTickerError, NotEnoughHistoryError, MissingTargetError, HoldoutError, TrainingError
        There is no model in use that could stay, and none could be trained.
    """
    history = read_history(job)
    scope = find_scope(job, history)
    plan = _make_plan(job, scope, history, force=force)
    if plan.reason is None and plan.champion is not None:
        return Retrained(model=plan.champion)
    universe = read_universe(job, scope, history)
    bars = universe.training(job.spec.train_sessions)
    made = _find_made(plan, name_model(job, scope, bars, parent=plan.parent) if bars else "")
    if made is not None:
        return Retrained(model=_require(job, scope, plan.champion, made))
    try:
        candidate = train_model(job, scope, bars, parent=plan.parent, trainer=trainer, on_epoch=on_epoch)
    except (TrainingError, HoldoutError) as error:
        if plan.champion is None or not plan.fitting:
            raise
        return Retrained(model=plan.champion, reason=plan.reason, failure=str(error))
    return _decide(job, scope, universe, plan, candidate)


def describe_retrained(done: Retrained, *, spec: str) -> list[str]:
    """Say what was trained, why, and what became of it, a line each."""
    if done.reason is None:
        return [f"{spec}: no training due, model {done.model.model_id} knows sessions up to {done.model.cutoff}"]
    if done.candidate is None or done.decision is None:
        return [f"{spec}: the training failed, {done.model.model_id} stays in use: {done.failure}"]
    made = done.candidate
    how = "trained on from the model in use" if made.parent_model_id else "trained from scratch"
    figures = f"{made.windows} windows, loss {made.loss:.4f}, {made.train_seconds:.0f} s"
    return [
        f"{spec}: {how} ({done.reason}): {made.model_id}, {figures}",
        f"{spec}: {done.decision.decision}: {done.decision.reason}",
    ]


def _decide(job: Job, scope: Scope, universe: Universe, plan: _Plan, candidate: Model) -> Retrained:
    decision = evaluate_challenger(
        job,
        scope,
        universe,
        candidate,
        champion=plan.champion if plan.fitting else None,
        decisions=plan.decisions,
    )
    with writing(job.engine) as connection:
        write_model(connection, candidate)
        write_promotion(connection, decision)
    model = candidate if decision.decision == "promoted" else _require(job, scope, plan.champion, decision)
    return Retrained(model=model, candidate=candidate, reason=plan.reason, decision=decision)


def _make_plan(job: Job, scope: Scope, history: History, *, force: bool) -> _Plan:
    with reading(job.engine) as connection:
        champion = read_champion(connection, scope, as_of=job.as_of, cutoff=history.cutoff)
        decisions = read_promotions(connection, scope, as_of=job.as_of, since=job.as_of - _YEAR)
        trained = [decision for decision in decisions if decision.evidence.get("by") != "hand"]
        newest = read_model(connection, trained[0].model_id) if trained else None
    fitting = champion is not None and not _is_restated(history, champion)
    if champion is None or newest is None:
        why = "no model yet" if champion is None else "no training in the past year"
        return _Plan(champion=champion, fitting=fitting, decisions=decisions, reason=why)
    again = _explain_anew(job, history, newest)
    if again is not None:
        return _Plan(champion=champion, fitting=fitting, decisions=decisions, reason=again)
    trained_on = _known_through(trained[0], newest)
    since = history.sessions_since(trained_on)
    reason = explain_due(trained_on, every=job.spec.every, sessions_since=since)
    reason = reason or ("asked for" if force else None)
    parent = champion if reason and _may_be_warm(job, history, trained, champion) else None
    return _Plan(champion=champion, fitting=fitting, decisions=decisions, reason=reason, parent=parent)


def _explain_anew(job: Job, history: History, newest: Model) -> str | None:
    """Say why what was trained last is of no use any more, None where it is."""
    if _is_changed(job, newest):
        return "the spec was changed"
    if _is_restated(history, newest):
        return "the prices it was trained on have been restated, as by a split"
    return None


def _is_changed(job: Job, model: Model) -> bool:
    now = describe_config(job.spec)
    return any(now[key] != part for key, part in model.config["spec"].items() if key in now)


def _is_restated(history: History, model: Model) -> bool:
    """Whether a price model's scaler belongs to prices of another basis than those stored now."""
    scaler = model.config.get("scaler")
    if scaler is None or model.ticker != history.ticker:
        return False
    first, last = model.config.get("scaled_on", (model.trained_from, model.cutoff))
    values = history.bars[model.target].loc[pd.Timestamp(first) : pd.Timestamp(last)]
    if values.empty:
        return False
    return not np.allclose([values.min(), values.max()], [scaler["data_min"], scaler["data_max"]], rtol=_RESTATED)


def _may_be_warm(job: Job, history: History, trained: Sequence[Promotion], champion: Model) -> bool:
    """Whether the training may go on from the champion: one from scratch is recent enough, and of the same spec."""
    if job.spec.mode == "full" or _is_changed(job, champion) or _is_restated(history, champion):
        return False
    full = next((one for one in trained if one.evidence.get("mode", "full") == "full"), None)
    if full is None:
        return False
    return history.sessions_since(_known_through(full, champion)) < count_sessions(job.spec.max_age)


def _known_through(decision: Promotion, model: Model) -> date:
    """Return the last session that was known when a decision was made."""
    written = decision.evidence.get("known_through")
    return date.fromisoformat(written) if written else model.cutoff


def _find_made(plan: _Plan, model_id: str) -> Promotion | None:
    """Return the decision on the very same training: the same data, spec, seed and versions; None where it is new."""
    return next((decision for decision in plan.decisions if decision.model_id == model_id), None)


def _require(job: Job, scope: Scope, champion: Model | None, decision: Promotion) -> Model:
    """Return the model that stays in use after a decision; there is none where the first candidate is refused."""
    if champion is None:
        raise TrainingError(f"{job.ticker}: the first model of {scope.spec} is not fit for use: {decision.reason}")
    return champion
