"""The faster LSTM is Keras' LSTM: compared with Keras itself, output and gradients."""

from itertools import count

import numpy as np
import pytest

from stockrnn.networks.lstm import LSTM
from stockrnn.networks.tensorflow import keras, tf


def _twins(*, return_sequences):
    ours, theirs = (layer(7, return_sequences=return_sequences) for layer in (LSTM, keras.layers.LSTM))
    x = np.random.default_rng(0).normal(size=(5, 11, 3)).astype(np.float32)
    ours(x)
    theirs(x)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=w.shape).astype(np.float32) for w in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs, x


def _gradients(layer, x):
    with tf.GradientTape() as tape:
        inputs = tf.constant(x)
        tape.watch(inputs)
        loss = tf.reduce_sum(tf.sin(layer(inputs)))
    return tape.gradient(loss, [inputs, *(variable.value for variable in layer.trainable_variables)])


@pytest.mark.parametrize("return_sequences", [True, False])
def test_the_output_is_that_of_keras(return_sequences):
    ours, theirs, x = _twins(return_sequences=return_sequences)
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("return_sequences", [True, False])
def test_the_gradients_are_those_of_keras(return_sequences):
    ours, theirs, x = _twins(return_sequences=return_sequences)
    for ours_one, theirs_one in zip(_gradients(ours, x), _gradients(theirs, x), strict=True):
        np.testing.assert_allclose(ours_one, theirs_one, rtol=1e-4, atol=1e-4)


def test_it_takes_any_batch_size_after_it_was_built_for_another():
    ours, theirs, x = _twins(return_sequences=True)
    np.testing.assert_allclose(ours(x[:2]), theirs(x[:2]), rtol=1e-5, atol=1e-6)


def test_fresh_weights_are_those_of_keras_with_an_orthogonal_recurrence_and_a_forget_gate_that_keeps():
    ours, _, _ = _twins(return_sequences=True)
    ours.reset(count(3))
    kernel, recurrent, bias = ours.get_weights()
    np.testing.assert_array_equal(kernel, keras.initializers.GlorotUniform(seed=3)((3, 28)))
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(7), atol=1e-5)
    assert bias.tolist() == [0.0] * 7 + [1.0] * 7 + [0.0] * 14
