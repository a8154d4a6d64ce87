"""Forecast the next session, with naive and the last close beside it."""

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from stockrnn.baselines import DRIFT_SESSIONS, make_baselines
from stockrnn.errors import ModelMissingError, NotEnoughHistoryError
from stockrnn.intervals import VOLATILITY_SESSIONS, conformal_intervals, normalized_errors, volatility
from stockrnn.pipeline.fit import restore
from stockrnn.pipeline.job import History, Job, read_history
from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import read_clock, read_forecast, write_forecast
from stockrnn.store.models import read_latest_model
from stockrnn.store.scores import read_past_errors
from stockrnn.types import BASELINES, Forecast, Kind, Model
from stockrnn.windows import hash_values, last_window

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


@dataclass(frozen=True, slots=True)
class _Slot:
    """The place in the record that a forecast would take."""

    cutoff: date
    target_session: date
    opens_at: datetime
    kind: Kind
    issued_at: datetime


def forecast_next(job: Job) -> Issued:
    """Forecast the first session after the last stored one. The first forecast issued for a key stands.

    Raises
    ------
    UnknownTickerError, NotEnoughHistoryError, MissingTargetError, ModelMissingError, DamagedModelError
    """
    history = read_history(job)
    with reading(job.engine) as connection:
        slot = _find_slot(job, history, database=read_clock(connection))
        standing = read_forecast(
            connection,
            ticker=job.ticker,
            target=job.target,
            spec=job.spec_name,
            cutoff=slot.cutoff,
            kind=slot.kind,
        )
        model = read_latest_model(
            connection, ticker=job.ticker, spec=job.spec_name, target=job.target, cutoff=slot.cutoff
        )
    if standing is not None:
        return Issued(forecast=standing, new=False, sessions_behind=history.sessions_behind)
    if model is None:
        raise ModelMissingError(job.ticker, job.spec_name, slot.cutoff)
    with reading(job.engine) as connection:
        errors = read_past_errors(
            connection,
            ticker=job.ticker,
            target=job.target,
            spec=job.spec_name,
            cutoff=slot.cutoff,
            known_at=slot.issued_at,
        )
    forecast = _issue(job, history, model, slot, errors)
    with writing(job.engine) as connection:
        standing = write_forecast(connection, forecast)
    return Issued(forecast=standing, new=True, sessions_behind=history.sessions_behind)


def decide_kind(*, as_of: datetime, clock: datetime, opens_at: datetime) -> Kind:
    """Return `live` only if neither the run's time nor the clock has reached the target session's open."""
    return "live" if max(as_of, clock) < opens_at else "hindcast"


def _find_slot(job: Job, history: History, *, database: datetime) -> _Slot:
    session = history.calendar.next_session(history.cutoff)
    opens_at = history.calendar.opens_at(session)
    # the database stamps the row, so its clock has to agree that the session has not opened
    clock = job.as_of if history.simulated else max(job.wall, database)
    kind = decide_kind(as_of=job.as_of, clock=clock, opens_at=opens_at)
    return _Slot(history.cutoff, session, opens_at, kind, history.clock(job))


def _issue(job: Job, history: History, model: Model, slot: _Slot, errors: pd.DataFrame) -> Forecast:
    values = history.values(job.target)
    if len(values) < model.lookback:
        raise NotEnoughHistoryError(job.ticker, found=len(values), needed=model.lookback, through=slot.cutoff)
    return Forecast(
        forecast_id=f"{job.ticker}-{job.target}-{job.spec_name}-{slot.cutoff}-{slot.kind}",
        ticker=job.ticker,
        target=job.target,
        spec=job.spec_name,
        cutoff=slot.cutoff,
        kind=slot.kind,
        target_session=slot.target_session,
        target_opens_at=slot.opens_at,
        model_id=model.model_id,
        issued_at=slot.issued_at,
        **compute_forecast(model, values, history.bars["close"], errors),
    )


def compute_forecast(model: Model, values: pd.Series, close: pd.Series, errors: pd.DataFrame) -> dict[str, Any]:
    """Compute everything of a forecast that follows from what was known; a replay computes the same.

    Parameters
    ----------
    values, close
        The target and the close up to the cutoff, index `session`: the last `RECENT_SESSIONS` and `lookback`
        at least.
    errors
        As `read_past_errors` returns them.
    """
    window = last_window(values.to_numpy(), lookback=model.lookback)
    predicted = float(restore(model).predict(window)[0])
    # the baselines of a session that is not there yet stand in a row of their own
    ahead = pd.DatetimeIndex(values.index[-1:]) + pd.Timedelta(days=1)
    recent = values.iloc[-RECENT_SESSIONS:].reindex(values.index[-RECENT_SESSIONS:].append(ahead))
    beside = make_baselines(recent, close.reindex(recent.index)).iloc[-1]
    moves = volatility(values.to_numpy())
    unit = float(beside["last_close"]) * moves
    bounds = conformal_intervals(predicted, unit=unit, scores=normalized_errors(errors))
    return {
        "predicted": predicted,
        **{name: float(beside[name]) for name in BASELINES},
        "volatility": None if math.isnan(moves) else moves,
        **{name: None if math.isnan(bound) else bound for name, bound in bounds.items()},
        "window_sha256": hash_values(window),
    }
