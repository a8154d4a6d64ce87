"""Kind `price`: one model per ticker, which forecasts one price from scaled prices of the target; the tutorial's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Literal, cast

import numpy as np
import pandas as pd

from stockrnn import networks
from stockrnn.errors import HoldoutError, MissingTargetError, NotEnoughHistoryError
from stockrnn.models.forecaster import Forecaster, Prediction
from stockrnn.models.recurrent import RecurrentSpec
from stockrnn.models.windows import PriceScaler, last_window, make_windows
from stockrnn.progress import OnEpoch
from stockrnn.types import Network, Target, Weights
from stockrnn.types.hashing import hash_values

_RESTATED = 0.01
"""Relative; a correction of some bar is smaller, or was worth a training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceModel:
    """A network with the scaler that its training prices gave.

    Attributes
    ----------
    scaled_on
        The first and the last session that the scaler was fitted on, as ISO dates.
    losses
        Mean squared error of each epoch, on scaled values; of a model read from the store the last one.
    """

    network: Network
    scaler: PriceScaler
    scaled_on: tuple[str, str]
    weights: Weights
    windows: int
    losses: tuple[float, ...]

    @property
    def parameters(self) -> int:
        """How many numbers the network learned."""
        return sum(array.size for array in self.weights)

    @property
    def loss(self) -> float:
        """The mean squared error of the last epoch."""
        return self.losses[-1]

    @property
    def epoch_losses(self) -> tuple[float, ...]:
        """The losses."""
        return self.losses

    def to_weights(self) -> Weights:
        """Return the network's arrays in Keras' order."""
        return self.weights

    def to_config(self) -> dict[str, Any]:
        """Return the network's shape, the scaler and the sessions that it was fitted on."""
        return {
            "network": self.network.to_json(),
            "scaler": self.scaler.to_json(),
            "scaled_on": list(self.scaled_on),
        }

    def predict(self, windows: np.ndarray) -> np.ndarray:
        """Turn windows of prices (N, lookback, 1) into forecast prices (N,), float64."""
        scaled = networks.predict_network(self.network, self.weights, self.scaler.transform(windows))
        return self.scaler.inverse(scaled)

    def forecast_next(self, bars: pd.DataFrame, *, target: Target, days_ahead: int) -> Prediction | None:  # noqa: ARG002  # a price model does not ask when
        """Forecast from the last `lookback` values of the target alone; see `Forecaster`."""
        values = bars[target].to_numpy(dtype=np.float64)
        if len(values) < self.network.lookback:
            return None
        window = last_window(values, lookback=self.network.lookback)
        return Prediction(predicted=float(self.predict(window)[0]), window_sha256=hash_values(window))

    def forecast_known(self, bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target) -> pd.DataFrame:
        """Forecast each session from the `lookback` actual values before it; see `Forecaster`."""
        values, lookback = bars[target].to_numpy(dtype=np.float64), self.network.lookback
        places = bars.index.get_indexer(sessions)
        known = places >= lookback
        windows = [values[place - lookback : place] for place in places[known]]
        predicted = self.predict(np.asarray(windows, dtype=np.float64).reshape(-1, lookback, 1))
        table = {"predicted": predicted, "output": predicted}
        return pd.DataFrame(table, index=sessions[known]).rename_axis("session")


class PriceSpec(RecurrentSpec):
    """One model per ticker, which forecasts one price: the tutorial's."""

    scope: ClassVar[Literal["ticker", "market"]] = "ticker"

    kind: Literal["price"] = "price"

    @property
    def network(self) -> Network:
        """The part of the spec that one compiled training step depends on."""
        return Network(
            lookback=self.lookback,
            cell=self.cell,
            layers=self.layers,
            units=self.units,
            dropout=self.dropout,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )

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

    def fit(
        self,
        bars: Mapping[str, pd.DataFrame],
        *,
        target: Target,
        seed: int,
        parent: Forecaster | None = None,
        member: int | None = None,  # noqa: ARG002  # there is one network
        on_epoch: OnEpoch | None = None,
    ) -> PriceModel:
        """Fit the scaler and the network on the values of the only ticker; see `Spec.fit`.

        A warm training keeps the scaler of its parent.
        """
        (known,) = bars.values()
        values = known[target].to_numpy(dtype=np.float64)
        start = cast("PriceModel | None", parent)
        scaler = PriceScaler.fit(values) if start is None else start.scaler
        windows = make_windows(scaler.transform(values), lookback=self.lookback)
        span = (str(known.index[0].date()), str(known.index[-1].date()))
        fitted = networks.fit_network(
            self.network,
            networks.make_examples(windows.x, windows.y),
            epochs=self.count_epochs(warm=start is not None),
            seed=seed,
            warm_start=None if start is None else networks.WarmStart(start.weights, self.warm_learning_rate),
            on_epoch=on_epoch,
        )
        return PriceModel(
            network=self.network,
            scaler=scaler,
            scaled_on=span if start is None else start.scaled_on,
            weights=fitted.weights,
            windows=len(windows.y),
            losses=fitted.losses,
        )

    @classmethod
    def restore(cls, config: Mapping[str, Any], weights: Weights, *, windows: int, loss: float) -> PriceModel:
        """Rebuild a fitted model; of its losses the last one is known."""
        first, last = (str(date.fromisoformat(day)) for day in config["scaled_on"])
        network = Network.from_json(config["network"])
        networks.require_weights(network, weights)
        return PriceModel(
            network=network,
            scaler=PriceScaler.from_json(config["scaler"]),
            scaled_on=(first, last),
            weights=weights,
            windows=windows,
            losses=(loss,),
        )
