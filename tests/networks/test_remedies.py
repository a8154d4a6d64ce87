"""What a training does against gradients that vanish or explode: clipping and penalties; truncation is the cells'."""

import math
from dataclasses import replace

import numpy as np
import pytest

from stockrnn.networks import fit_network, make_examples
from stockrnn.networks.compiled import compile_network, penalize
from stockrnn.networks.tensorflow import keras, tf
from stockrnn.types import Network
from stockrnn.types.networks import CellOptions, Penalty

NETWORK = Network(lookback=6, layers=1, units=5, dropout=0.0, batch_size=8, learning_rate=0.01)
RNG = np.random.default_rng(0)
EXAMPLES = make_examples(RNG.normal(size=(8, 6, 1)), 10 * RNG.normal(size=8))
_KEPT = 1 - 0.9  # Adam's first moment after one step is the gradient times this


def applied_gradients(network):
    """Return the gradients that the only step of a training gave to Adam, by weight."""
    fit_network(network, EXAMPLES, epochs=1, seed=0)
    optimizer = compile_network(network)._optimizer
    return [moment.numpy() / _KEPT for moment in optimizer._momentums]


def global_norm(arrays):
    return math.sqrt(sum(float((array.astype(np.float64) ** 2).sum()) for array in arrays))


@pytest.mark.exhaustive
def test_a_clipped_gradient_is_as_long_as_the_norm_allows_and_points_where_it_did():
    free = applied_gradients(NETWORK)
    norm = global_norm(free)
    assert norm > 1
    clipped = applied_gradients(replace(NETWORK, clip_norm=norm / 4))
    assert global_norm(clipped) == pytest.approx(norm / 4, rel=1e-5)
    for one, other in zip(clipped, free, strict=True):
        np.testing.assert_allclose(one, other / 4, rtol=1e-4, atol=1e-6)


@pytest.mark.exhaustive
def test_a_gradient_within_the_norm_is_left_as_it_is():
    free = applied_gradients(NETWORK)
    within = applied_gradients(replace(NETWORK, clip_norm=2 * global_norm(free)))
    for one, other in zip(within, free, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole", "minimal_lstm"])
def test_penalties_add_the_sizes_and_squares_of_input_and_recurrent_weights(cell):
    compiled = compile_network(replace(NETWORK, cell=cell))
    kernels = [
        variable.numpy().astype(np.float64)
        for layer in compiled.recurrent_layers
        for variable in layer.weights
        if variable.name in {"kernel", "recurrent_kernel"}
    ]
    for l1, l2 in ((0.1, 0.0), (0.0, 0.1), (0.2, 0.3)):
        wanted = sum(l1 * np.abs(kernel).sum() + l2 * (kernel**2).sum() for kernel in kernels)
        found = penalize(Penalty(l1=l1, l2=l2), compiled.recurrent_layers)
        assert float(found) == pytest.approx(wanted, rel=1e-5)


def test_a_penalty_pulls_the_kernels_and_nothing_else_towards_zero():
    free, pulled = (applied_gradients(replace(NETWORK, penalty=penalty)) for penalty in (Penalty(), Penalty(l2=0.5)))
    compiled = compile_network(NETWORK)
    weights_seed, dropout_seed, _ = np.random.SeedSequence(0).spawn(3)
    compiled.reset(EXAMPLES.y, weights_seed=weights_seed, dropout_seed=dropout_seed)
    for variable, one, other in zip(compiled.model.trainable_variables, pulled, free, strict=True):
        of_recurrence = variable.path.split("/")[-2] != "head" and "kernel" in variable.name
        wanted = 2 * 0.5 * variable.numpy() if of_recurrence else np.zeros(variable.shape)
        np.testing.assert_allclose(one - other, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.exhaustive
def test_the_loss_that_is_reported_is_that_of_the_forecasts_without_the_penalty():
    free, pulled = (
        fit_network(replace(NETWORK, penalty=penalty), EXAMPLES, epochs=1, seed=0).losses
        for penalty in (Penalty(), Penalty(l1=100.0))
    )
    assert pulled == pytest.approx(free, rel=1e-6)


def test_a_network_says_what_it_is_told_and_nothing_of_what_it_is_not():
    assert not {"cell_options", "clip_norm", "penalty"} & NETWORK.to_json().keys()
    told = replace(
        NETWORK,
        cell="lstm_peephole",
        cell_options=CellOptions(peepholes=("input",), truncate_after=3),
        clip_norm=1.0,
        penalty=Penalty(l2=0.1),
    )
    document = told.to_json()
    assert document["cell_options"] == {"peepholes": ["input"], "truncate_after": 3}
    assert (document["clip_norm"], document["penalty"]) == (1.0, {"l1": 0.0, "l2": 0.1})
    assert Network.from_json(document) == told


def test_keras_clips_the_norm_of_all_gradients_together():
    optimizer = keras.optimizers.SGD(1.0, global_clipnorm=5.0)
    weights = [keras.Variable([0.0]), keras.Variable([0.0])]
    optimizer.apply([tf.constant([30.0]), tf.constant([40.0])], weights)
    assert [float(weight.numpy()[0]) for weight in weights] == pytest.approx([-3.0, -4.0])
