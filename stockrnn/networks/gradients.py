"""How far back the gradient of a network reaches: backpropagation through time, looked at instead of followed.

The vanishing and the exploding gradient: Hochreiter (1991), "Untersuchungen zu dynamischen neuronalen Netzen";
Bengio, Simard & Frasconi (1994), "Learning Long-Term Dependencies with Gradient Descent is Difficult".
"""

import numpy as np

from stockrnn.networks.examples import Examples, empty_context, shuffled_batches
from stockrnn.types import Network, Weights
from stockrnn.types.gradients import Reach


def measure_reach(network: Network, weights: Weights, x: np.ndarray, context: np.ndarray | None = None) -> Reach:
    """Measure how far back the gradient of a network with these weights reaches, in the mean over windows.

    Parameters
    ----------
    x, context
        Scaled windows (N, lookback, inputs), and what is known beside them (N, context); None: nothing.
    """
    x = x.astype(np.float32)
    context = empty_context(len(x)) if context is None else context.astype(np.float32)
    return Reach(
        inputs=_differentiate_by_inputs(network, weights, x, context),
        states=_differentiate_by_states(network, weights, x),
    )


def make_fresh_weights(network: Network, training: Examples, *, seed: int) -> Weights:
    """Return the weights that a training with that seed begins with."""
    from stockrnn.networks.compiled import compile_network

    compiled = compile_network(network)
    weights_seed, dropout_seed, _ = np.random.SeedSequence(seed).spawn(3)
    compiled.reset(training.y, weights_seed=weights_seed, dropout_seed=dropout_seed)
    weights: Weights = compiled.model.get_weights()
    return weights


def measure_norms(network: Network, weights: Weights, training: Examples, *, seed: int) -> np.ndarray:
    """Return the norm of the gradient of each full batch of an epoch, all weights together; none is clipped.

    Without dropout; shape (batches,).
    """
    from stockrnn.networks.compiled import compile_network
    from stockrnn.networks.heads import make_head
    from stockrnn.networks.tensorflow import Tensor, tf

    compiled, head = compile_network(network), make_head(network.levels)
    compiled.model.set_weights(weights)

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]  # tensorflow has no types
    def measure(x: Tensor, context: Tensor, y: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            forecast = head.forecast(compiled.model([x, context], training=False))
            loss = head.sum_losses(forecast, y, tf.ones_like(y)) / network.batch_size
        return tf.linalg.global_norm(tape.gradient(loss, [one.value for one in compiled.model.trainable_variables]))

    places, sample_weight = next(shuffled_batches(len(training.y), network.batch_size, np.random.default_rng(seed)))
    full = [batch for batch, weight in zip(places, sample_weight, strict=True) if weight.all()]
    return np.array([float(measure(training.x[at], training.context[at], training.y[at])) for at in full])


def _differentiate_by_inputs(network: Network, weights: Weights, x: np.ndarray, context: np.ndarray) -> np.ndarray:
    """Return the mean norms of the forecast's derivatives by the inputs of each session, the newest first."""
    from stockrnn.networks.compiled import compile_network
    from stockrnn.networks.heads import make_head
    from stockrnn.networks.tensorflow import tf

    model, head = compile_network(network).model, make_head(network.levels)
    model.set_weights(weights)
    with tf.GradientTape() as tape:
        windows = tf.constant(x)
        tape.watch(windows)
        forecast = head.forecast(model([windows, tf.constant(context)], training=False))
        if network.levels:
            forecast = forecast[:, len(network.levels) // 2]
    found = tape.gradient(forecast, windows).numpy().astype(np.float64)  # (N, lookback, inputs)
    norms: np.ndarray = np.linalg.norm(found, axis=-1).mean(axis=0)
    return norms[::-1]


def _differentiate_by_states(network: Network, weights: Weights, x: np.ndarray) -> np.ndarray:
    """Return the mean spectral norms of the top layer's Jacobians, the newest first.

    A nudge of zero is added to each output; the derivatives by the nudges are those by the outputs. Each window
    stands in the batch once per unit, so that one way back finds the whole Jacobian.
    """
    from stockrnn.networks.compiled import compile_network
    from stockrnn.networks.tensorflow import keras, tf

    compiled = compile_network(network)
    compiled.model.set_weights(weights)
    top, steps, units = compiled.recurrent_layers[-1], network.lookback, network.units
    below = keras.Model(compiled.model.inputs[0], top.input)(x, training=False)  # (N, steps, features)
    each = tf.repeat(tf.transpose(below, (1, 0, 2)), units, axis=1)  # (steps, N * units, features)
    inputs, nudges = top.project(each), tf.zeros((steps, len(x) * units, units))
    reached = steps if network.cell_options.truncate_after is None else network.cell_options.truncate_after
    with tf.GradientTape() as tape:
        tape.watch(nudges)
        state = [tf.zeros_like(nudges[0])] * top.states
        for step in range(steps):
            if step == steps - reached:
                state = [tf.stop_gradient(one) for one in state]
            told = inputs[step] if top.recurrence is None else inputs[step] + tf.matmul(state[0], top.recurrence)
            output, *rest = top.advance(told, state, top.vectors)
            state = [output + nudges[step], *rest]
        last = tf.reduce_sum(state[0] * tf.tile(tf.eye(units), (len(x), 1)))
    found = tape.gradient(last, nudges).numpy().astype(np.float64)
    jacobians = found.reshape(steps, len(x), units, units)
    norms: np.ndarray = np.linalg.norm(jacobians, ord=2, axis=(-2, -1)).mean(axis=1)
    return norms[::-1]
