"""Recompute past forecasts from what was known when they were issued, and compare with the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Engine

from stockrnn import networks
from stockrnn.errors import DamagedModelError, UnknownForecastError
from stockrnn.steps.forecast import compute_forecast
from stockrnn.store.engine import reading
from stockrnn.store.forecasts import read_forecast_by_id, read_forecast_ids
from stockrnn.store.models import read_model
from stockrnn.store.prices import read_bars
from stockrnn.store.scores import read_past_errors
from stockrnn.types import Forecast, Model

_TOLERANCE = 1e-9
"""Relative. The same libraries on the same machine give the same bits."""
_PRICES_GONE = "the prices that it was made from are gone"
_PRUNED = "the weights it was made with were pruned; see keep_days in the settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A forecast of the ledger beside its recomputation.

    Attributes
    ----------
    differences
        What does not match, a phrase each; empty where everything does.
    """

    forecast: Forecast
    differences: tuple[str, ...] = ()

    @property
    def matches(self) -> bool:
        """Whether the recomputation gave what the ledger says."""
        return not self.differences


@dataclass(slots=True)
class _Models:
    """The models of a replay, each read and hashed once."""

    connection: Connection
    known: dict[str, Model | None] = field(default_factory=dict)

    def get(self, model_id: str) -> Model | None:
        if model_id not in self.known:
            self.known[model_id] = read_model(self.connection, model_id)
        return self.known[model_id]


def replay_one(engine: Engine, forecast_id: str) -> Replayed:
    """Replay the forecast of that name.

    Raises
    ------
    UnknownForecastError
    """
    with reading(engine) as connection:
        forecast = read_forecast_by_id(connection, forecast_id)
        if forecast is None:
            raise UnknownForecastError(forecast_id)
        return _replay(connection, forecast, _Models(connection))


def replay_all(engine: Engine, *, since: date | None = None) -> Iterator[Replayed]:
    """Replay every forecast whose cutoff is not before `since`, oldest first."""
    with reading(engine) as connection:
        models = _Models(connection)
        for forecast_id in read_forecast_ids(connection, since=since):
            forecast = read_forecast_by_id(connection, forecast_id)
            if forecast is not None:
                yield _replay(connection, forecast, models)


def _replay(connection: Connection, forecast: Forecast, models: _Models) -> Replayed:
    model = models.get(forecast.model_id)
    if model is None:
        return Replayed(forecast=forecast, differences=(f"the model {forecast.model_id} is gone",))
    bars = read_bars(connection, forecast.ticker, through=forecast.cutoff, known_at=forecast.rests_on)
    if bars.empty or bars.index[-1] != pd.Timestamp(forecast.cutoff):
        return Replayed(forecast=forecast, differences=(_PRICES_GONE,))
    errors = read_past_errors(
        connection,
        ticker=forecast.ticker,
        target=forecast.target,
        spec=forecast.spec,
        cutoff=forecast.cutoff,
        known_at=forecast.rests_on,
    )
    days_ahead = (forecast.target_session - forecast.cutoff).days
    try:
        computed = compute_forecast(model, bars, errors, target=forecast.target, days_ahead=days_ahead)
    except DamagedModelError:
        gone = "the stored weights are not those it was made with" if model.weights else _PRUNED
        return Replayed(forecast=forecast, differences=(gone,))
    if computed is None:
        return Replayed(forecast=forecast, differences=(_PRICES_GONE,))
    return Replayed(forecast=forecast, differences=tuple(_compare(forecast, computed, model)))


def _compare(forecast: Forecast, computed: dict[str, Any], model: Model) -> Iterator[str]:
    same_window = computed.pop("window_sha256") == forecast.window_sha256
    differing = [name for name, value in computed.items() if not _is_same(getattr(forecast, name), value)]
    if not same_window:
        yield "the stored prices of its window are not those it was made from, and no revision says so"
    elif differing and networks.versions() != model.versions:
        yield f"library versions: then {_write(model.versions)}, now {_write(networks.versions())}"
    for name in differing:
        yield f"{name}: issued {getattr(forecast, name)}, recomputed {computed[name]}"


def _is_same(issued: Any, computed: Any) -> bool:  # noqa: ANN401  # a number, or quantiles by level
    if isinstance(issued, dict) and isinstance(computed, dict):
        return issued.keys() == computed.keys() and all(_is_same(issued[level], computed[level]) for level in issued)
    if issued is None or computed is None:
        return issued is computed
    return bool(np.isclose(issued, computed, rtol=_TOLERANCE, atol=0))


def _write(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))
