"""The cells that Keras has, too, are Keras' own: output, gradients and fresh weights."""

from itertools import count

import numpy as np
import pytest
from cell_makers import X, find_gradients, make_cell

from stockrnn.networks.tensorflow import keras

TWINS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
each_twin = pytest.mark.parametrize("name", TWINS)
with_and_without_sequences = pytest.mark.parametrize("return_sequences", [True, False])


def make_twins(name, *, return_sequences=True, **options):
    ours = make_cell(name, return_sequences=return_sequences, **options)
    theirs = TWINS[name](7, return_sequences=return_sequences, **options)
    theirs(X)
    theirs.set_weights(ours.get_weights())
    return ours, theirs


@each_twin
@with_and_without_sequences
def test_the_output_is_that_of_keras(name, return_sequences):
    ours, theirs = make_twins(name, return_sequences=return_sequences)
    np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-5, atol=1e-6)


@each_twin
@with_and_without_sequences
def test_the_gradients_of_inputs_and_all_weights_are_those_of_keras(name, return_sequences):
    ours, theirs = make_twins(name, return_sequences=return_sequences)
    for one, other in zip(find_gradients(ours), find_gradients(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "linear"])
def test_the_simple_network_takes_the_activations_that_keras_has(activation):
    ours, theirs = make_twins("rnn", return_sequences=True, activation=activation)
    np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-4, atol=1e-5)


@each_twin
def test_it_takes_any_batch_size_after_it_was_built_for_another(name):
    ours, theirs = make_twins(name)
    np.testing.assert_allclose(ours(X[:2]), theirs(X[:2]), rtol=1e-5, atol=1e-6)


@each_twin
def test_fresh_weights_are_those_of_keras(name):
    ours, _ = make_twins(name)
    ours.reset(count(3))
    kernel, recurrent, bias = ours.get_weights()
    np.testing.assert_array_equal(kernel, keras.initializers.GlorotUniform(seed=3)(kernel.shape))
    np.testing.assert_array_equal(recurrent, keras.initializers.Orthogonal(seed=4)(recurrent.shape))
    fresh = TWINS[name](7)
    fresh(X)
    np.testing.assert_array_equal(bias, fresh.get_weights()[2])
