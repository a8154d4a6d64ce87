"""Scaler and network together: from training prices to a function that forecasts prices."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stockrnn import networks
from stockrnn.registry import unpack_weights
from stockrnn.settings import Spec
from stockrnn.types import Model, Network, Weights
from stockrnn.windows import PriceScaler, make_windows

OnEpoch = Callable[[int, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceModel:
    """A network with the scaler that its training prices gave.

    Attributes
    ----------
    losses
        Mean squared error of each epoch, on scaled values; empty for a model read from the store.
    """

    network: Network
    scaler: PriceScaler
    weights: Weights
    windows: int
    losses: tuple[float, ...] = ()

    def predict(self, windows: np.ndarray) -> np.ndarray:
        """Turn windows of prices (N, lookback, 1) into forecast prices (N,), float64."""
        scaled = networks.predict_network(self.network, self.weights, self.scaler.transform(windows))
        return self.scaler.inverse(scaled)


def fit_prices(spec: Spec, values: np.ndarray, *, seed: int, on_epoch: OnEpoch | None = None) -> PriceModel:
    """Fit the scaler and the network on training prices (T,), oldest first, and on nothing else.

    Raises
    ------
    TrainingError
        The loss stopped being a finite number.
    """
    scaler = PriceScaler.fit(values)
    windows = make_windows(scaler.transform(values), lookback=spec.lookback)
    fitted = networks.fit_network(spec.network, windows, epochs=spec.epochs, seed=seed, on_epoch=on_epoch)
    return PriceModel(
        network=spec.network,
        scaler=scaler,
        weights=fitted.weights,
        windows=len(windows.y),
        losses=fitted.losses,
    )


def restore(model: Model) -> PriceModel:
    """Rebuild what a stored model was when it was trained.

    Raises
    ------
    DamagedModelError
        The stored weights do not match their checksum.
    """
    return PriceModel(
        network=Network(**model.config["network"]),
        scaler=PriceScaler.from_json(model.config["scaler"]),
        weights=unpack_weights(model.weights, sha256=model.weights_sha256, model_id=model.model_id),
        windows=model.windows,
    )
