"""Scaler and network together: from training prices to a function that forecasts prices."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from stockrnn import networks
from stockrnn.models.forecaster import Prediction
from stockrnn.models.spec import PriceSpec
from stockrnn.models.windows import PriceScaler, last_window, make_windows
from stockrnn.types import Model, Network, Target, Weights
from stockrnn.types.hashing import hash_values

OnEpoch = Callable[[int, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceModel:
    """A network with the scaler that its training prices gave.

    Attributes
    ----------
    losses
        Mean squared error of each epoch, on scaled values; of a model read from the store the last one.
    """

    network: Network
    scaler: PriceScaler
    weights: Weights
    windows: int
    losses: tuple[float, ...] = ()

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
        """Return the network's shape and the scaler."""
        return {"network": asdict(self.network), "scaler": self.scaler.to_json()}

    def predict(self, windows: np.ndarray) -> np.ndarray:
        """Turn windows of prices (N, lookback, 1) into forecast prices (N,), float64."""
        scaled = networks.predict_network(self.network, self.weights, self.scaler.transform(windows))
        return self.scaler.inverse(scaled)

    def forecast_next(self, bars: pd.DataFrame, *, target: Target, days_ahead: int) -> Prediction | None:  # noqa: ARG002  # a price model does not ask when
        """Forecast from the last `lookback` values of the target alone; see `Fitted`."""
        values = bars[target].to_numpy(dtype=np.float64)
        if len(values) < self.network.lookback:
            return None
        window = last_window(values, lookback=self.network.lookback)
        return Prediction(predicted=float(self.predict(window)[0]), window_sha256=hash_values(window))

    def forecast_known(self, bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target) -> pd.DataFrame:
        """Forecast each session from the `lookback` actual values before it; see `Fitted`."""
        values, lookback = bars[target].to_numpy(dtype=np.float64), self.network.lookback
        places = bars.index.get_indexer(sessions)
        known = places >= lookback
        windows = [values[place - lookback : place] for place in places[known]]
        predicted = self.predict(np.asarray(windows, dtype=np.float64).reshape(-1, lookback, 1))
        table = {"predicted": predicted, "output": predicted}
        return pd.DataFrame(table, index=sessions[known]).rename_axis("session")


def fit_prices(
    spec: PriceSpec,
    values: np.ndarray,
    *,
    seed: int,
    start: PriceModel | None = None,
    on_epoch: OnEpoch | None = None,
) -> PriceModel:
    """Fit the scaler and the network on training prices (T,), oldest first, and on nothing else.

    Parameters
    ----------
    start
        Go on from this model with the spec's `warm_epochs`, keeping its scaler; None: begin anew.

    Raises
    ------
    TrainingError
        The loss stopped being a finite number, or the memory did not suffice.
    """
    scaler = PriceScaler.fit(values) if start is None else start.scaler
    windows = make_windows(scaler.transform(values), lookback=spec.lookback)
    fitted = networks.fit_network(
        spec.network,
        networks.make_examples(windows.x, windows.y),
        epochs=spec.epochs if start is None else spec.warm_epochs,
        seed=seed,
        warm_start=None if start is None else networks.WarmStart(start.weights, spec.warm_learning_rate),
        on_epoch=on_epoch,
    )
    return PriceModel(
        network=spec.network,
        scaler=scaler,
        weights=fitted.weights,
        windows=len(values) - spec.lookback,
        losses=fitted.losses,
    )


def restore_prices(model: Model, weights: Weights) -> PriceModel:
    """Rebuild what a stored model was when it was trained."""
    return PriceModel(
        network=Network.from_json(model.config["network"]),
        scaler=PriceScaler.from_json(model.config["scaler"]),
        weights=weights,
        windows=model.windows,
        losses=(model.loss,),
    )
