"""Stored models, made ready to forecast again."""

from functools import lru_cache

from stockrnn.models.forecaster import Fitted
from stockrnn.models.price import restore_prices
from stockrnn.models.quantile import restore_quantiles
from stockrnn.models.serialization import unpack_weights
from stockrnn.types import Model


def restore(model: Model) -> Fitted:
    """Rebuild what a stored model was when it was trained.

    Raises
    ------
    DamagedModelError
        The stored weights do not match their checksum, or were pruned.
    """
    return _restore(_Key(model))


class _Key:
    """A model by what its forecasts depend on: one that serves many tickers is unpacked once."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def __hash__(self) -> int:
        return hash(self.model.model_id)

    def __eq__(self, other: object) -> bool:  # as Python has it
        return isinstance(other, _Key) and self._parts() == other._parts()

    def _parts(self) -> tuple[object, ...]:
        return self.model.model_id, self.model.weights_sha256, self.model.weights, self.model.config


@lru_cache(maxsize=4)
def _restore(key: _Key) -> Fitted:
    model = key.model
    weights = unpack_weights(model.weights, sha256=model.weights_sha256, model_id=model.model_id)
    if model.config.get("kind") == "quantile":
        return restore_quantiles(model, weights)
    return restore_prices(model, weights)
