"""What models of one ticker's scaled prices have in common: the scaler, its windows, and forecasts in prices."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from stockrnn.errors import HoldoutError, MissingTargetError, NotEnoughHistoryError
from stockrnn.models.forecaster import Prediction
from stockrnn.models.spec import Spec
from stockrnn.models.windows import PriceScaler, Windows, last_window, make_windows
from stockrnn.types import Target
from stockrnn.types.hashing import hash_values

_RESTATED = 0.01
"""Relative; a correction of some bar is smaller, or was worth a training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledPriceModel(ABC):
    """A model of the next scaled price, with the scaler that its training prices gave.

    Attributes
    ----------
    scaled_on
        The first and the last session that the scaler was fitted on, as ISO dates.
    windows
        How many windows it learned from.
    losses
        Mean squared error of each epoch, on scaled values; of a model read from the store the last one.
    """

    scaler: PriceScaler
    scaled_on: tuple[str, str]
    windows: int
    losses: tuple[float, ...]

    @property
    @abstractmethod
    def lookback(self) -> int:
        """How many values a forecast is made from."""

    @abstractmethod
    def predict_scaled(self, scaled: np.ndarray) -> np.ndarray:
        """Forecast from scaled windows (N, lookback, 1) the scaled value after each, (N,)."""

    @property
    def loss(self) -> float:
        """The mean squared error of the last epoch."""
        return self.losses[-1]

    @property
    def epoch_losses(self) -> tuple[float, ...]:
        """The losses."""
        return self.losses

    def scaling_config(self) -> dict[str, Any]:
        """Return the scaler and the sessions that it was fitted on, as `read_scaling` reads them."""
        return {"scaler": self.scaler.to_json(), "scaled_on": list(self.scaled_on)}

    def predict(self, windows: np.ndarray) -> np.ndarray:
        """Turn windows of prices (N, lookback, 1) into forecast prices (N,), float64."""
        if not len(windows):
            return np.empty(0)  # the scaler refuses nothing at all
        return self.scaler.inverse(self.predict_scaled(self.scaler.transform(windows)))

    def forecast_next(self, bars: pd.DataFrame, *, target: Target, days_ahead: int) -> Prediction | None:  # noqa: ARG002  # a price model does not ask when
        """Forecast from the last `lookback` values of the target alone; see `Forecaster`."""
        values = bars[target].to_numpy(dtype=np.float64)
        if len(values) < self.lookback:
            return None
        window = last_window(values, lookback=self.lookback)
        return Prediction(predicted=float(self.predict(window)[0]), window_sha256=hash_values(window))

    def forecast_known(self, bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target) -> pd.DataFrame:
        """Forecast each session from the `lookback` actual values before it; see `Forecaster`."""
        values, lookback = bars[target].to_numpy(dtype=np.float64), self.lookback
        places = bars.index.get_indexer(sessions)
        known = places >= lookback
        windows = [values[place - lookback : place] for place in places[known]]
        predicted = self.predict(np.asarray(windows, dtype=np.float64).reshape(-1, lookback, 1))
        table = {"predicted": predicted, "output": predicted}
        return pd.DataFrame(table, index=sessions[known]).rename_axis("session")


class ScaledPriceSpec(Spec):
    """One model per ticker, which forecasts one price from the target alone."""

    scope: ClassVar[Literal["ticker", "market"]] = "ticker"

    def training_columns(self, target: Target) -> tuple[str, ...]:
        """Return the target alone."""
        return (target,)

    def require_trainable(self, bars: Mapping[str, pd.DataFrame], *, target: Target) -> None:
        """Refuse a history shorter than one window with the value after it, or with gaps in the target."""
        if not bars:
            raise HoldoutError("no session is left to train on; store a longer history")
        ((ticker, known),) = bars.items()
        if len(known) <= self.lookback:
            through = pd.Timestamp(known.index[-1]).date()
            raise NotEnoughHistoryError(ticker, found=len(known), needed=self.lookback + 1, through=through)
        missing = int(known[target].isna().sum())
        if missing:
            raise MissingTargetError(ticker, target, missing)

    def fits_prices(self, config: Mapping[str, Any], bars: pd.DataFrame, *, target: Target) -> bool:
        """Whether the scaler's prices are still those of its sessions: not after a split, which restates them."""
        first, last = (pd.Timestamp(day) for day in config["scaled_on"])
        values, scaler = bars[target].loc[first:last], PriceScaler.from_json(config["scaler"])
        if values.empty:
            return True
        return np.allclose([values.min(), values.max()], [scaler.data_min, scaler.data_max], rtol=_RESTATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledWindows:
    """What a model of scaled prices learns from, and the scaler of its values with the sessions it was fitted on."""

    windows: Windows
    scaler: PriceScaler
    scaled_on: tuple[str, str]


def make_scaled_windows(
    bars: Mapping[str, pd.DataFrame], *, target: Target, lookback: int, parent: ScaledPriceModel | None
) -> ScaledWindows:
    """Cut windows of the values of the only ticker, scaled as those of `parent`, else by a scaler fitted on them."""
    (known,) = bars.values()
    values = known[target].to_numpy(dtype=np.float64)
    scaler = PriceScaler.fit(values) if parent is None else parent.scaler
    span = (str(known.index[0].date()), str(known.index[-1].date()))
    return ScaledWindows(
        windows=make_windows(scaler.transform(values), lookback=lookback),
        scaler=scaler,
        scaled_on=span if parent is None else parent.scaled_on,
    )


def read_scaling(config: Mapping[str, Any]) -> tuple[PriceScaler, tuple[str, str]]:
    """Read what `scaling_config` wrote; any error where it is none."""
    first, last = (str(date.fromisoformat(day)) for day in config["scaled_on"])
    return PriceScaler.from_json(config["scaler"]), (first, last)
