"""Train a model where one is due, try it, and take it into use unless it may be worse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from stockrnn.errors import HoldoutError, TrainingError
from stockrnn.models.registry import fits_prices
from stockrnn.steps.challenger import evaluate_challenger, name_decision
from stockrnn.steps.run import Job
from stockrnn.steps.universe import read_universe
from stockrnn.store.engine import reading, writing
from stockrnn.store.models import read_model, write_model
from stockrnn.store.promotions import read_champion, read_promotion, read_promotions, write_promotion
from stockrnn.training.policy import count_sessions, explain_due
from stockrnn.training.requests import Fitted, TrainingRequest, make_model, make_request
from stockrnn.training.trainer import Trainer
from stockrnn.types import Model, Promotion

_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """The model in use after the step.

    Attributes
    ----------
    model
        The one in use.
    challenger
        The one that was trained now; None where none was due, or none came of it.
    reason
        Why it was trained; None where none was due.
    decision
        What became of it.
    failure
        Why no challenger came of a training that was due; the model in use stays.
    """

    model: Model
    challenger: Model | None = None
    reason: str | None = None
    decision: Promotion | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the store holds of the models that the job is about.

    Attributes
    ----------
    champion
        The model in use; `fitting` where it can forecast the prices as they are now.
    decisions
        Those of the past year, newest first; `trained` those that a training led to.
    newest
        The model that was trained last.
    """

    champion: Model | None
    fitting: bool
    decisions: Sequence[Promotion]
    trained: Sequence[Promotion]
    newest: Model | None


def retrain(job: Job, trainer: Trainer, *, force: bool = False, planned: TrainingRequest | None = None) -> Retrained:
    """Return the model in use for the job's ticker, after a training if the spec says so or `force` does.

    A model for all tickers is trained at the first of them; at the others nothing is due any more.

    Parameters
    ----------
    planned
        What `plan` returned before, so that it is not asked again.

    Raises
    ------
    UnknownTickerError, NotEnoughHistoryError, MissingTargetError, HoldoutError, TrainingError
        There is no model in use that could stay, and none could be trained.
    """
    request = planned or plan(job, force=force)
    if request is None:
        return Retrained(model=_require_champion(job, _read_known(job)))
    try:
        fitted = trainer.train(request)
    except (TrainingError, HoldoutError) as error:
        known = _read_known(job)
        if known.champion is None or not known.fitting:
            raise
        return Retrained(model=known.champion, reason=request.reason, failure=str(error))
    return accept(job, request, fitted)


def plan(job: Job, *, force: bool = False) -> TrainingRequest | None:
    """Return the training that is due; None where none is, or where the very same one was decided on already.

    Raises
    ------
    UnknownTickerError, NotEnoughHistoryError, MissingTargetError, HoldoutError
    """
    known = _read_known(job)
    reason = _explain_training(job, known, force=force)
    if reason is None:
        return None
    parent = known.champion if _may_be_warm(job, known) else None
    request = make_request(
        job.scope,
        job.spec,
        read_universe(job).training(job.spec.train_sessions),
        seed=job.settings.seed,
        parent=parent,
        title=f"{job.scope.ticker or 'all tickers'}: {job.spec_name} model",
        reason=reason,
    )
    decided = any(decision.model_id == request.model_id for decision in known.decisions)
    return None if decided else request


def accept(job: Job, request: TrainingRequest, fitted: Fitted) -> Retrained:
    """Try the trained model beside those in use, and store it with the decision, unless one on it stands."""
    challenger = make_model(request, fitted, trained_at=job.now)
    decision = None
    while decision is None:
        decision = _decide(job, challenger)
    known = _read_known(job)  # whatever was decided, by this run or by another one
    new = known.champion is None and decision.decision == "promoted"
    model = challenger if new else _require_champion(job, known, decision)
    return Retrained(model=model, challenger=challenger, reason=request.reason, decision=decision)


def _decide(job: Job, challenger: Model) -> Promotion | None:
    """Return the decision that stands; None where another run decided meanwhile on what this one compared with."""
    known, universe = _read_known(job), read_universe(job)
    decision = evaluate_challenger(
        job, universe, challenger, champion=known.champion if known.fitting else None, decisions=known.decisions
    )
    with writing(job.engine) as connection:
        standing = read_promotion(connection, name_decision(challenger, universe))
        if standing is not None:
            return standing
        if _read_decisions(connection, job) != known.decisions:
            return None
        write_model(connection, challenger)
        return write_promotion(connection, decision, of_the_past=job.history.decided_before is not None)


def describe_retrained(done: Retrained, *, spec: str) -> list[str]:
    """Say what was trained, why, and what became of it, one line each."""
    if done.reason is None:
        return [f"{spec}: no training due, model {done.model.model_id} knows sessions up to {done.model.cutoff}"]
    if done.challenger is None or done.decision is None:
        return [f"{spec}: the training failed, {done.model.model_id} stays in use: {done.failure}"]
    made = done.challenger
    how = "trained on from the model in use" if made.parent_model_id else "trained from scratch"
    figures = f"{made.windows} windows, loss {made.loss:.4f}, {made.train_seconds:.0f} s"
    return [
        f"{spec}: {how} ({done.reason}): {made.model_id}, {figures}",
        f"{spec}: {done.decision.decision}: {done.decision.reason}",
    ]


def _read_known(job: Job) -> _Known:
    scope, history = job.scope, job.history
    with reading(job.engine) as connection:
        champion = read_champion(connection, scope, cutoff=history.cutoff, before=history.decided_before)
        decisions = _read_decisions(connection, job)
        trained = [decision for decision in decisions if decision.evidence.get("by") != "hand"]
        newest = read_model(connection, trained[0].model_id) if trained else None
    return _Known(
        champion=champion,
        fitting=champion is not None and _fits_prices(job, champion),
        decisions=decisions,
        trained=trained,
        newest=newest,
    )


def _read_decisions(connection: Connection, job: Job) -> list[Promotion]:
    """Return the decisions of the past year, newest first."""
    history = job.history
    return read_promotions(connection, job.scope, before=history.decided_before, since=history.as_of - _YEAR)


def _explain_training(job: Job, known: _Known, *, force: bool) -> str | None:
    """Say why a training is due, None where it is not."""
    if known.champion is None:
        return "no model yet"
    if known.newest is None:
        return "no training in the past year"
    if _is_changed(job, known.newest):
        return "the spec was changed"
    if not _fits_prices(job, known.newest):
        return "the prices it was trained on have been restated, as by a split"
    trained_on = _known_through(known.trained[0])
    since = job.history.sessions_since(trained_on)
    due = explain_due(trained_on, every=job.spec.every, sessions_since=since)
    return due or ("asked for" if force else None)


def _may_be_warm(job: Job, known: _Known) -> bool:
    """Whether the training may go on from the champion: one from scratch is recent enough, and of the same spec."""
    usable = [model for model in (known.champion, known.newest) if model is not None]
    if job.spec.mode == "full" or len(usable) < 2:  # noqa: PLR2004  # both of them
        return False
    if any(_is_changed(job, model) or not _fits_prices(job, model) for model in usable):
        return False
    full = next((one for one in known.trained if one.evidence["mode"] == "full"), None)
    return full is not None and job.history.sessions_since(_known_through(full)) < count_sessions(job.spec.max_age)


def _is_changed(job: Job, model: Model) -> bool:
    return not isinstance(model.config, dict) or bool(model.config.get("spec") != job.spec.training_config())


def _fits_prices(job: Job, model: Model) -> bool:
    """Whether a model can forecast prices as they are now; one whose kind is gone can't."""
    return fits_prices(job.spec, model, job.history.bars, target=job.target)


def _known_through(decision: Promotion) -> date:
    """Return the last session that was known when a decision was made."""
    return date.fromisoformat(decision.evidence["known_through"])


def _require_champion(job: Job, known: _Known, decision: Promotion | None = None) -> Model:
    """Return the model in use; there is none where every challenger so far was refused."""
    if known.champion is None:
        reason = (decision or known.decisions[0]).reason
        raise TrainingError(f"{job.ticker}: the first model of {job.spec_name} is not fit for use: {reason}")
    return known.champion
