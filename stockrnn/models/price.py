"""Kind `price`: one model per ticker, which forecasts one price from scaled prices of the target; the tutorial's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

from stockrnn import networks
from stockrnn.models.forecaster import Forecaster, NetworkView
from stockrnn.models.recurrent import RecurrentSpec
from stockrnn.models.scaled_prices import ScaledPriceModel, ScaledPriceSpec, make_scaled_windows, read_scaling
from stockrnn.progress import OnEpoch
from stockrnn.types import Network, Target, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceModel(ScaledPriceModel):
    """A network with the scaler that its training prices gave."""

    network: Network
    weights: Weights

    @property
    def lookback(self) -> int:
        """How many values a forecast is made from."""
        return self.network.lookback

    @property
    def parameters(self) -> int:
        """How many numbers the network learned."""
        return sum(array.size for array in self.weights)

    def to_weights(self) -> Weights:
        """Return the network's arrays in Keras' order."""
        return self.weights

    def to_config(self) -> dict[str, Any]:
        """Return the network's shape, the scaler and the sessions that it was fitted on."""
        return {"network": self.network.to_json(), **self.scaling_config()}

    def predict_scaled(self, scaled: np.ndarray) -> np.ndarray:
        """Forecast from scaled windows (N, lookback, 1) the scaled value after each, (N,)."""
        return networks.predict_network(self.network, self.weights, scaled)


class PriceSpec(ScaledPriceSpec, RecurrentSpec):
    """One model per ticker, which forecasts one price: the tutorial's."""

    kind: Literal["price"] = "price"

    @property
    def network(self) -> Network:
        """The part of the spec that one compiled training step depends on."""
        return self.make_network()

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
        start = cast("PriceModel | None", parent)
        scaled = make_scaled_windows(bars, target=target, lookback=self.lookback, parent=start)
        fitted = networks.fit_network(
            self.network,
            networks.make_examples(scaled.windows.x, scaled.windows.y),
            epochs=self.count_epochs(warm=start is not None),
            seed=seed,
            warm_start=None if start is None else networks.WarmStart(start.weights, self.warm_learning_rate),
            on_epoch=on_epoch,
        )
        return PriceModel(
            network=self.network,
            scaler=scaled.scaler,
            scaled_on=scaled.scaled_on,
            weights=fitted.weights,
            windows=len(scaled.windows.y),
            losses=fitted.losses,
        )

    def view_network(self, model: Forecaster, bars: pd.DataFrame, *, target: Target) -> NetworkView:
        """Return the network with the scaled windows of these bars; see `Spec.view_network`."""
        fitted = cast("PriceModel", model)
        scaled = make_scaled_windows({"": bars}, target=target, lookback=fitted.lookback, parent=fitted)
        examples = networks.make_examples(scaled.windows.x, scaled.windows.y)
        return NetworkView(network=fitted.network, weights=fitted.weights, examples=examples)

    @classmethod
    def restore(cls, config: Mapping[str, Any], weights: Weights, *, windows: int, loss: float) -> PriceModel:
        """Rebuild a fitted model; of its losses the last one is known."""
        network = Network.from_json(config["network"])
        networks.require_weights(network, weights)
        scaler, scaled_on = read_scaling(config)
        return PriceModel(
            network=network, scaler=scaler, scaled_on=scaled_on, weights=weights, windows=windows, losses=(loss,)
        )
