"""Forecast the next session, with naive and the last close beside it."""

from dataclasses import dataclass
from datetime import date, datetime

from stockrnn.errors import ModelMissingError, NotEnoughHistoryError
from stockrnn.pipeline.fit import restore
from stockrnn.pipeline.job import History, Job, read_history
from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import read_forecast, write_forecast
from stockrnn.store.models import read_latest_model
from stockrnn.types import Forecast, Kind, Model
from stockrnn.windows import hash_values, last_window


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
    slot = _find_slot(job, history)
    with reading(job.engine) as connection:
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
    forecast = _issue(job, history, model, slot)
    with writing(job.engine) as connection:
        standing = write_forecast(connection, forecast)
    return Issued(forecast=standing, new=True, sessions_behind=history.sessions_behind)


def decide_kind(*, as_of: datetime, clock: datetime, opens_at: datetime) -> Kind:
    """Return `live` only if neither the run's time nor the clock has reached the target session's open."""
    return "live" if max(as_of, clock) < opens_at else "hindcast"


def _find_slot(job: Job, history: History) -> _Slot:
    session = history.calendar.next_session(history.cutoff)
    opens_at = history.calendar.opens_at(session)
    clock = job.as_of if history.simulated else job.wall
    kind = decide_kind(as_of=job.as_of, clock=clock, opens_at=opens_at)
    return _Slot(history.cutoff, session, opens_at, kind, clock)


def _issue(job: Job, history: History, model: Model, slot: _Slot) -> Forecast:
    values = history.values(job.target).to_numpy()
    if len(values) < model.lookback:
        raise NotEnoughHistoryError(job.ticker, found=len(values), needed=model.lookback, through=slot.cutoff)
    window = last_window(values, lookback=model.lookback)
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
        predicted=float(restore(model).predict(window)[0]),
        naive=float(values[-1]),
        last_close=float(history.bars["close"].iloc[-1]),
        window_sha256=hash_values(window),
    )
