"""Forecast the next session, with naive and the last close beside it."""

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from stockrnn.errors import DamagedModelError, ModelMissingError, NotEnoughHistoryError
from stockrnn.evaluation.baselines import DRIFT_SESSIONS, make_baselines
from stockrnn.evaluation.intervals import VOLATILITY_SESSIONS, conformal_intervals, normalized_errors, volatility
from stockrnn.models.registry import restore
from stockrnn.steps.run import Job
from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import read_clock, read_forecast, write_forecast
from stockrnn.store.models import read_model
from stockrnn.store.prices import PriceState, read_price_state
from stockrnn.store.promotions import read_champion_id
from stockrnn.store.scores import read_newest_error_date, read_past_errors
from stockrnn.types import BASELINES, Forecast, Kind, Model, Target

RECENT_SESSIONS = max(DRIFT_SESSIONS, VOLATILITY_SESSIONS)
"""How many sessions the baselines and the volatility look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """The forecast that stands for the cutoff.

    Attributes
    ----------
    new
        It was issued by this step; else it stood already.
    sessions_behind
        Sessions closed at `as_of` that the stored prices lack: 0 when up to date.
    """

    forecast: Forecast
    new: bool
    sessions_behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """The place in the record that a forecast would take, and what it would rest on.

    Attributes
    ----------
    prices
        Their state, as the job's history has them.
    model_id
        The model in use; None where there is none.
    errors
        What is known of past errors, index `session`.
    known_at
        The latest date of all that it rests on, `issued_at` at least.
    """

    cutoff: date
    target_session: date
    opens_at: datetime
    live_until: datetime
    kind: Kind
    issued_at: datetime
    prices: PriceState
    model_id: str | None
    errors: pd.DataFrame
    known_at: datetime

    def is_still(self, other: "_Slot") -> bool:
        """Whether a forecast for this slot is one for the other too."""
        same = all(getattr(self, name) == getattr(other, name) for name in ("kind", "prices", "model_id"))
        return same and self.errors.equals(other.errors)


def forecast_next(job: Job) -> Issued:
    """Forecast the first session after the last stored one. The first forecast issued for a key stands.

    Raises
    ------
    UnknownTickerError, NotEnoughHistoryError, MissingTargetError, ModelMissingError, DamagedModelError
    """
    while True:
        with reading(job.engine) as connection:
            slot = _find_slot(connection, job)
            standing = _read_standing(connection, job, slot)
            model = read_model(connection, slot.model_id) if slot.model_id else None
        if standing is not None:
            return Issued(forecast=standing, new=False, sessions_behind=job.history.sessions_behind)
        if model is None:
            raise ModelMissingError(job.ticker, job.spec_name, slot.cutoff)
        issued = _write(job, slot, _issue(job, model, slot))
        if issued is not None:
            return issued


def _write(job: Job, slot: _Slot, forecast: Forecast) -> Issued | None:
    """Store the forecast unless one stands; None where another run wrote something meanwhile that it rests on."""
    with writing(job.engine) as connection:
        standing = _read_standing(connection, job, slot)
        if standing is None:
            if not slot.is_still(_find_slot(connection, job)):
                return None
            write_forecast(connection, forecast)
    return Issued(forecast=standing or forecast, new=standing is None, sessions_behind=job.history.sessions_behind)


def _read_standing(connection: Connection, job: Job, slot: _Slot) -> Forecast | None:
    key: dict[str, Any] = {"ticker": job.ticker, "target": job.target, "spec": job.spec_name}
    return read_forecast(connection, **key, cutoff=slot.cutoff, kind=slot.kind)


def decide_kind(*, as_of: datetime, clock: datetime, live_until: datetime) -> Kind:
    """Return `live` only if neither the run's time nor the clock has reached `live_until`."""
    return "live" if max(as_of, clock) < live_until else "hindcast"


def _find_slot(connection: Connection, job: Job) -> _Slot:
    state = read_price_state(connection, job.ticker)
    if state != job.history.state:  # another run wrote prices since they were read
        job.run.forget(job.ticker)
        state = job.history.state
    history = job.history
    session = history.calendar.next_session(history.cutoff)
    live_until = history.live_until(job.target, cutoff=history.cutoff)
    # the database stamps the row, so its clock has to agree that it can still be live
    clock = history.clock if history.simulated else max(job.now, read_clock(connection))
    key: dict[str, Any] = {"ticker": job.ticker, "target": job.target, "spec": job.spec_name}
    dates = (job.clock, state.newest, read_newest_error_date(connection, **key))
    known_at = max(moment for moment in dates if moment is not None)
    return _Slot(
        cutoff=history.cutoff,
        target_session=session,
        opens_at=history.calendar.opens_at(session),
        live_until=live_until,
        kind=decide_kind(as_of=history.as_of, clock=clock, live_until=live_until),
        issued_at=job.clock,
        prices=state,
        model_id=read_champion_id(connection, job.scope, cutoff=history.cutoff, before=history.decided_before),
        errors=read_past_errors(connection, **key, cutoff=history.cutoff, known_at=known_at),
        known_at=known_at,
    )


def _issue(job: Job, model: Model, slot: _Slot) -> Forecast:
    history = job.history
    history.values(job.target)  # refuses a target with gaps
    computed = compute_forecast(
        model, history.bars, slot.errors, target=job.target, days_ahead=(slot.target_session - slot.cutoff).days
    )
    if computed is None:
        needed = job.spec.min_sessions
        raise NotEnoughHistoryError(job.ticker, found=len(history.bars), needed=needed, through=slot.cutoff)
    return Forecast(
        forecast_id=f"{job.ticker}-{job.target}-{job.spec_name}-{slot.cutoff}-{slot.kind}",
        ticker=job.ticker,
        target=job.target,
        spec=job.spec_name,
        cutoff=slot.cutoff,
        kind=slot.kind,
        target_session=slot.target_session,
        target_opens_at=slot.opens_at,
        live_until=slot.live_until,
        model_id=model.model_id,
        issued_at=slot.issued_at,
        known_at=slot.known_at if slot.known_at > slot.issued_at else None,
        **computed,
    )


def compute_forecast(
    model: Model, bars: pd.DataFrame, errors: pd.DataFrame, *, target: Target, days_ahead: int
) -> dict[str, Any] | None:
    """Compute everything of a forecast that follows from what was known; a replay computes the same.

    The intervals are the model's own, where it names some, else as wide as its past errors ask for. None where too
    few bars are known for the model.

    Parameters
    ----------
    bars
        All up to the cutoff, index `session`, the target without NaN.
    errors
        As `read_past_errors` returns them.
    days_ahead
        Calendar days from the cutoff to the target session.
    """
    said = restore(model).forecast_next(bars, target=target, days_ahead=days_ahead)
    if said is None:
        return None
    if not math.isfinite(said.predicted):
        raise DamagedModelError(
            f"model {model.model_id}: it forecasts {said.predicted}; restore the database or retrain"
        )
    values = bars[target]
    # the baselines of a session that is not there yet stand in a row of their own
    ahead = pd.DatetimeIndex(values.index[-1:]) + pd.Timedelta(days=1)
    recent = values.iloc[-RECENT_SESSIONS:].reindex(values.index[-RECENT_SESSIONS:].append(ahead))
    beside = make_baselines(recent, bars["close"].reindex(recent.index)).iloc[-1]
    moves = volatility(values.to_numpy())
    unit = float(beside["last_close"]) * moves
    bounds = said.intervals or conformal_intervals(said.predicted, unit=unit, scores=normalized_errors(errors))
    return {
        "predicted": said.predicted,
        **{name: float(beside[name]) for name in BASELINES},
        "volatility": None if math.isnan(moves) else moves,
        **{name: None if math.isnan(bound) else bound for name, bound in bounds.items()},
        "quantiles": said.quantiles,
        "window_sha256": said.window_sha256,
    }
