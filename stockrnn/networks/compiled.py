"""Networks as TensorFlow runs them: each shape is compiled once per process, however many tickers there are.

Keras' own `fit` compiles anew for every fresh model, and once more for a last batch that is not full. Here one model
per shape is kept; a training resets its weights, and a last batch is filled up with examples of sample weight 0,
which leaves the loss and the gradient as they are.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import count
from typing import TypeAlias

import numpy as np

from stockrnn.networks.cells import load_cell
from stockrnn.networks.examples import Examples
from stockrnn.networks.heads import make_head
from stockrnn.networks.tensorflow import Tensor, keras, tf
from stockrnn.types import Network, Weights
from stockrnn.types.networks import Penalty

_Compiled: TypeAlias = Callable[..., Tensor]  # a `tf.function`

_FEW, _MANY = 4, 256  # windows per batch when quantiles are forecast: a night asks for one and for a past


@cache
def compile_network(network: Network) -> "CompiledNetwork":
    """Return the one compiled network of that shape."""
    return CompiledNetwork(network)


class CompiledNetwork:
    """One network of one shape, its optimizer and its compiled functions.

    Attributes
    ----------
    network
        Its shape.
    model
        The Keras model: from windows and their context to the numbers that its head reads.
    traces
        How many times the training step was traced.
    """

    def __init__(self, network: Network) -> None:
        self.traces = 0
        self.network = network
        self._head = make_head(network.levels)
        self.model = _build_model(network, width=self._head.width)
        self._optimizer = keras.optimizers.Adam(
            network.learning_rate,
            global_clipnorm=network.clip_norm,
            use_ema=network.average_decay is not None,
            ema_momentum=network.average_decay or 0.0,
        )
        self._optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self._optimizer.variables]
        self._train_epoch, self._predict_batch = self._compile_epoch(), self._compile_prediction()

    def reset(
        self, y: np.ndarray, *, weights_seed: np.random.SeedSequence, dropout_seed: np.random.SeedSequence
    ) -> None:
        """Set fresh weights for the training targets y (N,), a fresh optimizer, and the dropout's random streams."""
        seeds = _draw_seeds(weights_seed)
        for layer in self.recurrent_layers:
            layer.reset(seeds)
        self._head.reset(self.model.get_layer("head"), y, seed=next(seeds))
        random = [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dropout) and layer.rate > 0]
        for layer, seed in zip(random, dropout_seed.generate_state(len(random)), strict=True):
            layer.seed_generator.state.assign(np.array([seed, 0], dtype=np.uint32))
        for variable, value in zip(self._optimizer.variables, self._fresh_optimizer, strict=True):
            variable.assign(value)

    @property
    def recurrent_layers(self) -> list[Tensor]:
        """The layers of the network's cell, the lowest first."""
        return [layer for layer in self.model.layers if isinstance(layer, load_cell(self.network.cell))]

    def start_from(self, weights: Weights, *, learning_rate: float) -> None:
        """Go on from `weights`, in Keras' order, with Adam's step size `learning_rate`."""
        self._optimizer.learning_rate = learning_rate
        self.model.set_weights(weights)

    def train_epoch(self, examples: Examples, places: np.ndarray, sample_weight: np.ndarray) -> float:
        """Train on batches as `shuffled_batches` yields them; return the mean training loss."""
        return float(self._train_epoch(examples.x, examples.context, examples.y, places, sample_weight).numpy())

    def predict(self, x: np.ndarray, context: np.ndarray) -> np.ndarray:
        """Forecast (N,) or (N, levels), float64.

        Windows go through in padded batches of fixed sizes, so that a forecast does not depend on how many others
        are asked for beside it, and nothing is compiled anew for another number of them.
        """
        size = self._choose_batch_size(len(x))
        padding = max(-(-len(x) // size), 1) * size - len(x)
        x, context = (_pad(part, padding) for part in (x, context))
        parts = [self._predict_batch(x[at : at + size], context[at : at + size]) for at in range(0, len(x), size)]
        return np.concatenate(parts)[: len(x) - padding].astype(np.float64)

    def finish(self) -> Weights:
        """Return the weights that the training gives so far, in Keras' order: averaged ones where they are wanted.

        Polyak & Juditsky (1992), "Acceleration of Stochastic Approximation by Averaging"; the newer a step, the more
        it weighs.
        """
        last: Weights = self.model.get_weights()
        if self.network.average_decay is None:
            return last
        self._optimizer.finalize_variable_values(self.model.trainable_variables)
        averaged: Weights = self.model.get_weights()
        self.model.set_weights(last)
        return averaged

    def validate(self, weights: Weights, examples: Examples) -> float:
        """Return the mean loss of the forecasts of examples with these weights."""
        last = self.model.get_weights()
        self.model.set_weights(weights)
        loss = self._head.mean_loss(self.predict(examples.x, examples.context), examples.y)
        self.model.set_weights(last)
        return loss

    def _choose_batch_size(self, windows: int) -> int:
        if not self.network.levels:
            return self.network.batch_size
        return _FEW if windows <= _FEW else _MANY

    def _compile_epoch(self) -> _Compiled:
        network, train_step = self.network, self._compile_step()

        @tf.function(  # type: ignore[untyped-decorator]  # tensorflow has no types
            input_signature=[
                tf.TensorSpec((None, network.lookback, network.inputs), tf.float32),
                tf.TensorSpec((None, network.context), tf.float32),
                tf.TensorSpec((None,), tf.float32),
                tf.TensorSpec((None, network.batch_size), tf.int32),
                tf.TensorSpec((None, network.batch_size), tf.float32),
            ]
        )
        def train_epoch(x: Tensor, context: Tensor, y: Tensor, places: Tensor, sample_weight: Tensor) -> Tensor:
            total = tf.constant(0.0)
            for k in tf.range(tf.shape(places)[0]):
                batch, weight = (tf.ensure_shape(part[k], (network.batch_size,)) for part in (places, sample_weight))
                total += train_step(*(tf.gather(part, batch) for part in (x, context, y)), weight)
            return total / tf.reduce_sum(sample_weight)

        return train_epoch  # type: ignore[no-any-return]

    def _compile_step(self) -> _Compiled:
        network, model, optimizer, head = self.network, self.model, self._optimizer, self._head

        @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]  # as above
        def train_step(x: Tensor, context: Tensor, y: Tensor, sample_weight: Tensor) -> Tensor:
            self.traces += 1
            with tf.GradientTape() as tape:
                forecast = head.forecast(model([x, context], training=True))
                total = head.sum_losses(forecast, y, sample_weight)
                loss = total / tf.reduce_sum(sample_weight)
                if network.penalty != Penalty():
                    loss += penalize(network.penalty, self.recurrent_layers)
            gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
            optimizer.apply(gradients, model.trainable_variables)
            return total

        return train_step  # type: ignore[no-any-return]

    def _compile_prediction(self) -> _Compiled:
        *below, top = self.recurrent_layers

        @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]  # as above
        def predict_batch(x: Tensor, context: Tensor) -> Tensor:
            for layer in below:
                x = layer(x)
            seen = tf.concat([top.last_output(x), context], 1)
            return self._head.forecast(self.model.get_layer("head")(seen))

        return predict_batch  # type: ignore[no-any-return]


def _build_model(network: Network, *, width: int) -> Tensor:
    """Stack recurrent and dropout layers, set the context beside what they say, then a dense layer of that width."""
    window, context = keras.Input((network.lookback, network.inputs)), keras.Input((network.context,))
    make_cell: Tensor = load_cell(network.cell)  # a Keras class
    seen = window
    for number in range(1, network.layers + 1):
        seen = make_cell(network.units, options=network.cell_options, return_sequences=number < network.layers)(seen)
        seen = keras.layers.Dropout(network.dropout)(seen)
    if network.context:
        seen = keras.layers.Concatenate()([seen, context])
    return keras.Model([window, context], keras.layers.Dense(width, name="head")(seen))


def penalize(penalty: Penalty, layers: Sequence[Tensor]) -> Tensor:
    """Return what penalties add to the loss: L1 and L2 norms, the latter squared, of the kernels of the layers."""
    kernels = [kernel for layer in layers for kernel in layer.penalized]
    sizes, squares = (sum(tf.reduce_sum(how(kernel)) for kernel in kernels) for how in (tf.abs, tf.square))
    return penalty.l1 * sizes + penalty.l2 * squares


def _draw_seeds(sequence: np.random.SeedSequence) -> Iterator[int]:
    """Yield as many seeds as are asked for; the first ones do not depend on how many that are."""
    for number in count(1):
        yield int(sequence.generate_state(number)[-1])


def _pad(windows: np.ndarray, padding: int) -> np.ndarray:
    """Append so many windows of zeros, and make all float32."""
    widths = [(0, padding)] + [(0, 0)] * (windows.ndim - 1)
    return np.pad(windows.astype(np.float32), widths)
