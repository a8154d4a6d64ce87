"""Train and run the network. Each shape is traced and compiled once per process, however many tickers there are.

Keras' own `fit` compiles anew for every fresh model, and once more for a last batch that is not full. Here one
model per shape is kept; a training resets its weights, and a last batch is filled up with windows of weight zero,
which leaves the loss and the gradient as they are.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from stockrnn.errors import TrainingError
from stockrnn.models.windows import Windows
from stockrnn.types import Network, Weights

_DECISIVE = ("keras", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow")

OnEpoch = Callable[[int, float], None]
"""Called with 0 and NaN as training begins, then after each epoch with its number and its mean training loss."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Weights to go on from, in Keras' order, and Adam's step size from there on."""

    weights: Weights
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A finished training: the weights in Keras' order and the mean loss of each epoch."""

    weights: Weights
    losses: tuple[float, ...]


def fit_network(
    network: Network,
    windows: Windows,
    *,
    epochs: int,
    seed: int,
    start: WarmStart | None = None,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """Train on scaled windows: adam, mean squared error, batches shuffled each epoch.

    The same windows, network, epochs, seed, start and library versions give the same weights bit for bit on one
    machine.

    Parameters
    ----------
    start
        None: fresh weights.

    Raises
    ------
    TrainingError
        The loss stopped being a finite number, or the memory did not suffice.
    """
    compiled = _compile(network)
    weights_seed, dropout_seed, shuffle_seed = np.random.SeedSequence(seed).spawn(3)
    compiled.reset(weights_seed, dropout_seed)
    begin(compiled.model, compiled.optimizer, start, learning_rate=network.learning_rate)
    shuffles = shuffled_batches(len(windows.y), network.batch_size, np.random.default_rng(shuffle_seed))
    x, y = windows.x.astype(np.float32), windows.y.astype(np.float32)
    losses: list[float] = []
    if on_epoch:
        on_epoch(0, float("nan"))
    for epoch, (batches, weights) in zip(range(1, epochs + 1), shuffles, strict=False):
        with explaining_memory():
            loss = compiled.train_epoch(x, y, batches, weights)
        if not np.isfinite(loss):
            raise TrainingError(
                f"training stopped at epoch {epoch}: the loss is {loss}; lower the spec's learning_rate"
            )
        losses.append(loss)
        if on_epoch:
            on_epoch(epoch, loss)
    return Fitted(weights=compiled.model.get_weights(), losses=tuple(losses))


def predict_network(network: Network, weights: Weights, x: np.ndarray) -> np.ndarray:
    """Run the network with `weights` on scaled windows (N, lookback, 1); returns scaled values (N,), float64.

    Windows go through in batches of one fixed size, so that a forecast does not depend on how many others are
    asked for beside it.
    """
    compiled = _compile(network)
    compiled.model.set_weights(weights)
    count, size = len(x), network.batch_size
    padded = np.zeros((-(-count // size) * size, *x.shape[1:]), dtype=np.float32)
    padded[:count] = x
    parts = [compiled.predict_batch(padded[start : start + size]) for start in range(0, len(padded), size)]
    return np.concatenate(parts)[:count].astype(np.float64)


@contextmanager
def explaining_memory() -> Iterator[None]:
    """Turn a lack of memory inside the block into a `TrainingError`."""
    from stockrnn.networks.tensorflow import tf

    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise TrainingError(
            f"training ran out of memory: {error}; make the spec's batch_size or units less"
        ) from error


def begin(model: Any, optimizer: Any, start: WarmStart | None, *, learning_rate: float) -> None:  # noqa: ANN401  # Keras'
    """Set the step size, and the weights where there are some to start from."""
    optimizer.learning_rate = learning_rate if start is None else start.learning_rate
    if start is not None:
        model.set_weights(start.weights)


def reset_lstm(layers: Sequence[Any], seeds: Iterator[int]) -> None:
    """Set fresh weights as Keras does: Glorot's uniform, an orthogonal recurrence, a forget gate that keeps."""
    from stockrnn.networks.tensorflow import keras

    for layer in layers:
        cell = layer.cell
        cell.kernel.assign(keras.initializers.GlorotUniform(seed=next(seeds))(cell.kernel.shape))
        cell.recurrent_kernel.assign(keras.initializers.Orthogonal(seed=next(seeds))(cell.recurrent_kernel.shape))
        cell.bias.assign(np.repeat([0.0, 1.0, 0.0, 0.0], layer.units))  # Keras' unit_forget_bias


def versions() -> dict[str, str]:
    """Return the versions of the libraries that decide what a training gives."""
    return {name: version(name) for name in _DECISIVE}


def shuffled_batches(count: int, size: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield an epoch's window numbers and their weights, both (batches, size); padding has weight 0."""
    batches = -(-count // size)
    weights = np.zeros(batches * size, dtype=np.float32)
    weights[:count] = 1
    while True:
        order = np.zeros(batches * size, dtype=np.int32)
        order[:count] = rng.permutation(count)
        yield order.reshape(batches, size), weights.reshape(batches, size)


class _Compiled:
    """One model of one shape, its optimizer and its compiled functions."""

    def __init__(self, network: Network) -> None:
        from stockrnn.networks.tensorflow import keras

        self.network = network
        self.model = _build(network)
        self.optimizer = keras.optimizers.Adam(network.learning_rate)
        self.optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self.optimizer.variables]
        self.traces = 0
        self._epoch, self._batch = self._compile_epoch(), self._compile_batch()

    def reset(self, weights_seed: np.random.SeedSequence, dropout_seed: np.random.SeedSequence) -> None:
        """Set fresh weights, an optimizer that has seen nothing, and the dropout's random stream."""
        from stockrnn.networks.tensorflow import keras

        lstm, dense = self.model.layers[:-1:2], self.model.layers[-1]
        seeds = iter(weights_seed.generate_state(2 * len(lstm) + 1).tolist())
        reset_lstm(lstm, seeds)
        dense.kernel.assign(keras.initializers.GlorotUniform(seed=next(seeds))(dense.kernel.shape))
        dense.bias.assign(np.zeros(1))
        random = [layer for layer in self.model.layers[1:-1:2] if layer.rate > 0]
        for layer, seed in zip(random, dropout_seed.generate_state(len(random)), strict=True):
            layer.seed_generator.state.assign(np.array([seed, 0], dtype=np.uint32))
        for variable, value in zip(self.optimizer.variables, self._fresh_optimizer, strict=True):
            variable.assign(value)

    def train_epoch(self, x: np.ndarray, y: np.ndarray, batches: np.ndarray, weights: np.ndarray) -> float:
        return float(self._epoch(x, y, batches, weights).numpy())

    def predict_batch(self, x: np.ndarray) -> np.ndarray:
        return self._batch(x).numpy()  # type: ignore[no-any-return]

    def _compile_epoch(self) -> Any:  # noqa: ANN401  # a TensorFlow function
        from stockrnn.networks.tensorflow import tf

        model, optimizer = self.model, self.optimizer
        size, lookback = self.network.batch_size, self.network.lookback

        @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]  # tensorflow has no types
        def train_step(x: Any, y: Any, weight: Any) -> Any:  # noqa: ANN401
            self.traces += 1
            with tf.GradientTape() as tape:
                errors = model(x, training=True)[:, 0] - y
                total = tf.reduce_sum(weight * errors * errors)
                loss = total / tf.reduce_sum(weight)
            gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
            optimizer.apply(gradients, model.trainable_variables)
            return total

        @tf.function(  # type: ignore[untyped-decorator]  # tensorflow has no types
            input_signature=[
                tf.TensorSpec((None, lookback, 1), tf.float32),
                tf.TensorSpec((None,), tf.float32),
                tf.TensorSpec((None, size), tf.int32),
                tf.TensorSpec((None, size), tf.float32),
            ]
        )
        def train_epoch(x: Any, y: Any, batches: Any, weights: Any) -> Any:  # noqa: ANN401
            total = tf.constant(0.0)
            for k in tf.range(tf.shape(batches)[0]):
                batch = tf.ensure_shape(batches[k], (size,))
                weight = tf.ensure_shape(weights[k], (size,))
                total += train_step(tf.gather(x, batch), tf.gather(y, batch), weight)
            return total / tf.reduce_sum(weights)

        return train_epoch

    def _compile_batch(self) -> Any:  # noqa: ANN401  # a TensorFlow function
        from stockrnn.networks.tensorflow import tf

        shape = (self.network.batch_size, self.network.lookback, 1)

        @tf.function(jit_compile=True, input_signature=[tf.TensorSpec(shape, tf.float32)])  # type: ignore[untyped-decorator]  # tensorflow has no types
        def predict_batch(x: Any) -> Any:  # noqa: ANN401
            return self.model(x, training=False)[:, 0]

        return predict_batch


@cache
def _compile(network: Network) -> _Compiled:
    return _Compiled(network)


def _build(network: Network) -> Any:  # noqa: ANN401  # a Keras model
    """Stack LSTM and dropout layers, then Dense(1)."""
    from stockrnn.networks.lstm import HoistedLSTM
    from stockrnn.networks.tensorflow import keras

    model = keras.Sequential([keras.Input((network.lookback, 1))])
    for number in range(1, network.layers + 1):
        model.add(HoistedLSTM(network.units, return_sequences=number < network.layers))
        model.add(keras.layers.Dropout(network.dropout))
    model.add(keras.layers.Dense(1))
    return model
