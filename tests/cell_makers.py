"""Cells with weights of any kind, and the gradients of what they say."""

import numpy as np

from stockrnn.networks.cells import load_cell
from stockrnn.networks.tensorflow import tf
from stockrnn.types.networks import CellOptions

X = np.random.default_rng(0).normal(size=(5, 11, 3)).astype(np.float32)
"""Sequences (batch, time, features)."""


def make_cell(name, *, units=7, return_sequences=True, x=X, **options):
    """Return a built cell with random weights."""
    cell = load_cell(name)(units, options=CellOptions(**options), return_sequences=return_sequences)
    cell(x)
    rng = np.random.default_rng(1)
    cell.set_weights([rng.normal(0, 0.7, size=array.shape).astype(np.float32) for array in cell.get_weights()])
    return cell


def find_gradients(layer, x=X, *, of=None):
    """Return the gradients of a loss of all outputs, of the layer or `of` a function: of inputs, then of weights."""
    with tf.GradientTape() as tape:
        inputs = tf.constant(x)
        tape.watch(inputs)
        loss = tf.reduce_sum(tf.sin((of or layer)(inputs)))
    return tape.gradient(loss, [inputs, *(variable.value for variable in layer.trainable_variables)])


def sigmoid(values):
    """Return the logistic function, in numpy."""
    return 1 / (1 + np.exp(-values))
