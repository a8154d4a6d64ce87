"""The quantile network: LSTM layers over a window, its context beside them, and quantiles that can't cross.

The head names the middle quantile and the distances outwards from it, which are positive, so each quantile lies above
the one before whatever the weights are. Trained on the pinball loss (Koenker & Bassett 1978) until the newest part of
the training span, held back, gets no better (Prechelt 1998, "Early Stopping - But When?").
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from stockrnn.errors import TrainingError
from stockrnn.evaluation.metrics import pinball
from stockrnn.networks.training import (
    Fitted,
    OnEpoch,
    WarmStart,
    begin,
    explaining_memory,
    reset_lstm,
    shuffled_batches,
)
from stockrnn.types import QuantileNetwork, Weights

_SMALL = 0.01  # of the head's first weights: it begins near the quantiles of the training answers
_MEDIAN_SHARE = 0.03  # prices say little about direction: the middle shall move slower than the width
_WIDEST = 3.0  # the log of how much wider or narrower than usual: beyond it, numbers would only overflow
_PREDICT_BATCH = 1024
_FEW = 4  # a night asks for one at a time; a batch of 1024 would be slow, and compiled anew for each number


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Windows with their answers.

    Attributes
    ----------
    x, context
        As `features.Inputs` has them: shapes (N, lookback, inputs) and (N, context), float32.
    y
        The next return in units of the volatility known at the window's end, less the `MedianRegression`, shape (N,),
        float32.
    """

    x: np.ndarray
    context: np.ndarray
    y: np.ndarray


def fit_quantiles(
    network: QuantileNetwork,
    training: Examples,
    validation: Examples,
    *,
    epochs: int,
    patience: int,
    seed: int,
    start: WarmStart | None = None,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """Train and keep the weights of the epoch that was best on `validation`.

    The same examples, network, seed, start and library versions give the same weights bit for bit on one machine.

    Parameters
    ----------
    epochs, patience
        How many epochs at most, and how many may pass without a better one.
    start
        None: fresh weights.

    Returns
    -------
    Fitted
        Its losses are those of `validation`.

    Raises
    ------
    TrainingError
        A loss was not a finite number, or the memory did not suffice.
    """
    compiled = _compile(network)
    weights_seed, dropout_seed, shuffle_seed = np.random.SeedSequence(seed).spawn(3)
    compiled.reset(np.quantile(training.y, network.levels), weights_seed, dropout_seed)
    begin(compiled.model, compiled.optimizer, start, learning_rate=network.learning_rate)
    shuffles = shuffled_batches(len(training.y), network.batch_size, np.random.default_rng(shuffle_seed))
    losses: list[float] = []
    best: Weights = []
    if on_epoch:
        on_epoch(0, float("nan"))
    for epoch, (batches, shares) in zip(range(1, epochs + 1), shuffles, strict=False):
        with explaining_memory():
            compiled.train_epoch(training, batches, shares)
            quantiles = compiled.predict(validation.x, validation.context)
        loss = pinball(validation.y, dict(zip(network.levels, quantiles.T, strict=True)))
        if not np.isfinite(loss):
            raise TrainingError(
                f"training stopped at epoch {epoch}: the loss is {loss}; lower the spec's learning_rate"
            )
        losses.append(loss)
        if on_epoch:
            on_epoch(epoch, loss)
        since = len(losses) - 1 - int(np.argmin(losses))
        if since == 0:
            best = compiled.model.get_weights()
        elif since >= patience:
            break
    return Fitted(weights=best, losses=tuple(losses))


def predict_quantiles(network: QuantileNetwork, weights: Weights, x: np.ndarray, context: np.ndarray) -> np.ndarray:
    """Return the quantiles of such answers, ascending: shape (N, levels), float64."""
    compiled = _compile(network)
    compiled.model.set_weights(weights)
    return compiled.predict(x, context)


class _Compiled:
    """One network of one shape, its optimizer and its compiled functions."""

    def __init__(self, network: QuantileNetwork) -> None:
        from stockrnn.networks.tensorflow import keras

        self.network = network
        self.model = _build(network)
        self.optimizer = keras.optimizers.Adam(network.learning_rate)
        self.optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self.optimizer.variables]
        self._epoch, self._batch = self._compile_epoch(), self._compile_batch()

    def reset(
        self, start: np.ndarray, weights_seed: np.random.SeedSequence, dropout_seed: np.random.SeedSequence
    ) -> None:
        """Set fresh weights, whose first answers are near the quantiles `start`, and a fresh optimizer."""
        from stockrnn.networks.tensorflow import keras

        seeds = iter(weights_seed.generate_state(2 * self.network.layers + 1).tolist())
        reset_lstm([layer for layer in self.model.layers if hasattr(layer, "cell")], seeds)
        head = self.model.get_layer("head")
        head.kernel.assign(keras.initializers.RandomNormal(stddev=_SMALL, seed=next(seeds))(head.kernel.shape))
        head.bias.assign(_bias(start))
        random = [layer for layer in self.model.layers if getattr(layer, "rate", 0) > 0]
        for layer, seed in zip(random, dropout_seed.generate_state(len(random)), strict=True):
            layer.seed_generator.state.assign(np.array([seed, 0], dtype=np.uint32))
        for variable, value in zip(self.optimizer.variables, self._fresh_optimizer, strict=True):
            variable.assign(value)

    def train_epoch(self, examples: Examples, batches: np.ndarray, shares: np.ndarray) -> None:
        self._epoch(examples.x, examples.context, examples.y, batches, shares)

    def predict(self, x: np.ndarray, context: np.ndarray) -> np.ndarray:
        """Run in batches of two sizes, a small and a large one, each compiled once."""
        count = len(x)
        size = _FEW if count <= _FEW else _PREDICT_BATCH
        padding = max(-(-count // size), 1) * size - count
        x, context = (np.pad(part, [(0, padding)] + [(0, 0)] * (part.ndim - 1)) for part in (x, context))
        starts = range(0, count + padding, size)
        parts = [self._batch(x[at : at + size], context[at : at + size]).numpy() for at in starts]
        return np.concatenate(parts)[:count].astype(np.float64)

    def _compile_epoch(self) -> Any:  # noqa: ANN401  # a TensorFlow function
        from stockrnn.networks.tensorflow import tf

        model, optimizer, network = self.model, self.optimizer, self.network
        levels = tf.constant(network.levels, tf.float32)

        @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]  # tensorflow has no types
        def train_step(x: Any, context: Any, y: Any, share: Any) -> None:  # noqa: ANN401
            with tf.GradientTape() as tape:
                errors = y[:, tf.newaxis] - noncrossing_quantiles(model([x, context], training=True))
                losses = tf.reduce_mean(tf.maximum(levels * errors, (levels - 1) * errors), -1)
                loss = tf.reduce_sum(share * losses) / tf.reduce_sum(share)
            gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
            optimizer.apply(gradients, model.trainable_variables)

        @tf.function(  # type: ignore[untyped-decorator]  # tensorflow has no types
            input_signature=[
                tf.TensorSpec((None, network.lookback, network.inputs), tf.float32),
                tf.TensorSpec((None, network.context), tf.float32),
                tf.TensorSpec((None,), tf.float32),
                tf.TensorSpec((None, network.batch_size), tf.int32),
                tf.TensorSpec((None, network.batch_size), tf.float32),
            ]
        )
        def train_epoch(x: Any, context: Any, y: Any, batches: Any, shares: Any) -> None:  # noqa: ANN401
            for k in tf.range(tf.shape(batches)[0]):
                batch, share = (tf.ensure_shape(part[k], (network.batch_size,)) for part in (batches, shares))
                train_step(tf.gather(x, batch), tf.gather(context, batch), tf.gather(y, batch), share)

        return train_epoch

    def _compile_batch(self) -> Any:  # noqa: ANN401  # a TensorFlow function
        from stockrnn.networks.tensorflow import tf

        @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]  # as above
        def predict_batch(x: Any, context: Any) -> Any:  # noqa: ANN401
            return noncrossing_quantiles(self.model([x, context], training=False))

        return predict_batch


@cache
def _compile(network: QuantileNetwork) -> _Compiled:
    return _Compiled(network)


def _build(network: QuantileNetwork) -> Any:  # noqa: ANN401  # a Keras model
    """Stack LSTM and dropout layers, set the context beside them, then a dense head: one number a level, one more."""
    from stockrnn.networks.lstm import HoistedLSTM
    from stockrnn.networks.tensorflow import keras

    window = keras.Input((network.lookback, network.inputs))
    context = keras.Input((network.context,))
    seen = window
    for number in range(1, network.layers + 1):
        seen = HoistedLSTM(network.units, return_sequences=number < network.layers)(seen)
        seen = keras.layers.Dropout(network.dropout)(seen)
    seen = keras.layers.Concatenate()([seen, context])
    return keras.Model([window, context], keras.layers.Dense(len(network.levels) + 1, name="head")(seen))


def noncrossing_quantiles(head: Any) -> Any:  # noqa: ANN401  # tensors
    """Turn the head's numbers (N, levels + 1) into ascending quantiles (N, levels); the last widens them all."""
    from stockrnn.networks.tensorflow import tf

    middle = (head.shape[-1] - 1) // 2
    median = _MEDIAN_SHARE * head[:, middle : middle + 1]
    width = tf.exp(tf.clip_by_value(head[:, -1:], -_WIDEST, _WIDEST))
    below, above = tf.nn.softplus(head[:, :middle]), tf.nn.softplus(head[:, middle + 1 : -1])
    lower = median - width * tf.cumsum(below, axis=1, reverse=True)
    return tf.concat([lower, median, median + width * tf.cumsum(above, axis=1)], 1)


def _bias(start: np.ndarray) -> np.ndarray:
    """Return the head's biases from which `noncrossing_quantiles` makes the quantiles `start`, strictly ascending."""
    middle = len(start) // 2
    distances = np.log(np.expm1(np.maximum(np.diff(start), 1e-3)))  # softplus backwards
    return np.concatenate([distances[:middle], [start[middle] / _MEDIAN_SHARE], distances[middle:], [0.0]])
