"""The two heads of a network: what its last numbers mean, how they begin, and the loss that they are trained on."""

from typing import Protocol

import numpy as np

from stockrnn.evaluation.metrics import pinball
from stockrnn.networks.tensorflow import Tensor, keras, tf

_SMALL = 0.01  # of the quantile head's first weights: it begins near the quantiles of the training targets
_MEDIAN_SHARE = 0.03  # prices say little about direction: the middle shall move slower than the width
_WIDEST = 3.0  # the log of how much wider or narrower than usual: beyond it, numbers would only overflow


class Head(Protocol):
    """What stands above the recurrent layers: a dense layer, and what is made of its numbers.

    Attributes
    ----------
    width
        How many numbers the dense layer has.
    """

    width: int

    def reset(self, dense: Tensor, y: np.ndarray, *, seed: int) -> None:
        """Set fresh weights of the dense layer for the training targets y (N,)."""

    def forecast(self, numbers: Tensor) -> Tensor:
        """Turn the dense layer's numbers (N, width) into forecasts: (N,) or (N, levels)."""

    def sum_losses(self, forecast: Tensor, y: Tensor, sample_weight: Tensor) -> Tensor:
        """Return the sum of the losses, each times its sample weight (N,)."""

    def mean_loss(self, forecast: np.ndarray, y: np.ndarray) -> float:
        """Return the mean loss of finished forecasts, in float64."""


def make_head(levels: tuple[float, ...]) -> Head:
    """Return the head for quantiles of these levels, for one price where there are none."""
    return QuantileHead(levels) if levels else PriceHead()


class PriceHead:
    """One price, trained on the squared error."""

    width = 1

    def reset(self, dense: Tensor, y: np.ndarray, *, seed: int) -> None:  # noqa: ARG002  # it begins the same for all
        """Set fresh weights as Keras does."""
        dense.kernel.assign(keras.initializers.GlorotUniform(seed=seed)(dense.kernel.shape))
        dense.bias.assign(np.zeros(1))

    def forecast(self, numbers: Tensor) -> Tensor:
        """Return the only number."""
        return numbers[:, 0]

    def sum_losses(self, forecast: Tensor, y: Tensor, sample_weight: Tensor) -> Tensor:
        """Sum the squared errors."""
        errors = forecast - y
        return tf.reduce_sum(sample_weight * errors * errors)

    def mean_loss(self, forecast: np.ndarray, y: np.ndarray) -> float:
        """Return the mean squared error."""
        return float(np.mean((forecast - y) ** 2))


class QuantileHead:
    """Quantiles that cannot cross, trained on the pinball loss (Koenker & Bassett 1978), the mean over the levels."""

    def __init__(self, levels: tuple[float, ...]) -> None:
        self.width = len(levels) + 1
        self._levels = levels
        self._level = tf.constant(levels, tf.float32)

    def reset(self, dense: Tensor, y: np.ndarray, *, seed: int) -> None:
        """Set small weights, and the biases that give the quantiles of the training targets."""
        dense.kernel.assign(keras.initializers.RandomNormal(stddev=_SMALL, seed=seed)(dense.kernel.shape))
        dense.bias.assign(_biases(np.quantile(y, self._levels)))

    def forecast(self, numbers: Tensor) -> Tensor:
        """Return ascending quantiles."""
        return noncrossing_quantiles(numbers)

    def sum_losses(self, forecast: Tensor, y: Tensor, sample_weight: Tensor) -> Tensor:
        """Sum the pinball losses."""
        errors = y[:, tf.newaxis] - forecast
        losses = tf.reduce_mean(tf.maximum(self._level * errors, (self._level - 1) * errors), -1)
        return tf.reduce_sum(sample_weight * losses)

    def mean_loss(self, forecast: np.ndarray, y: np.ndarray) -> float:
        """Return the mean pinball loss."""
        return pinball(y, dict(zip(self._levels, forecast.T, strict=True)))


def noncrossing_quantiles(numbers: Tensor) -> Tensor:
    """Turn the dense layer's numbers (N, levels + 1) into ascending quantiles (N, levels).

    They are the middle quantile, the distances outwards from it, which are made positive, so that each quantile lies
    above the one before whatever the weights are, and the log of a factor that widens all distances.
    """
    middle = (numbers.shape[-1] - 1) // 2
    median = _MEDIAN_SHARE * numbers[:, middle : middle + 1]
    width = tf.exp(tf.clip_by_value(numbers[:, -1:], -_WIDEST, _WIDEST))
    below, above = tf.nn.softplus(numbers[:, :middle]), tf.nn.softplus(numbers[:, middle + 1 : -1])
    lower = median - width * tf.cumsum(below, axis=1, reverse=True)
    return tf.concat([lower, median, median + width * tf.cumsum(above, axis=1)], 1)


def _biases(quantiles: np.ndarray) -> np.ndarray:
    """Return the numbers from which `noncrossing_quantiles` makes these quantiles, strictly ascending."""
    middle = len(quantiles) // 2
    distances = np.log(np.expm1(np.maximum(np.diff(quantiles), 1e-3)))  # softplus backwards
    return np.concatenate([distances[:middle], [quantiles[middle] / _MEDIAN_SHARE], distances[middle:], [0.0]])
