"""The LSTM with peepholes: Keras' LSTM without them, a reference in numpy with them."""

from itertools import combinations, count

import numpy as np
import pytest
from cell_makers import X, find_gradients, make_cell, sigmoid

from stockrnn.networks.tensorflow import keras

GATES = ("input", "forget", "output")
SOME = [chosen for size in (1, 2, 3) for chosen in combinations(GATES, size)]


def run(x, weights, peepholes):
    """Say the equations of Gers, Schraudolph & Schmidhuber (2002) in float64; return all outputs."""
    kernel, recurrent, bias, rows = (array.astype(np.float64) for array in weights)
    diagonal = dict.fromkeys(GATES, 0.0) | dict(zip(peepholes, rows, strict=True))
    output, cell, outputs = np.zeros((len(x), 7)), np.zeros((len(x), 7)), []
    for inputs in x.astype(np.float64).transpose(1, 0, 2):
        i, f, g, o = np.split(inputs @ kernel + output @ recurrent + bias, 4, axis=1)
        i, f = sigmoid(i + diagonal["input"] * cell), sigmoid(f + diagonal["forget"] * cell)
        cell = f * cell + i * np.tanh(g)
        output = sigmoid(o + diagonal["output"] * cell) * np.tanh(cell)
        outputs.append(output)
    return np.stack(outputs, 1)


def test_without_peepholes_it_is_keras_lstm():
    ours, theirs = make_cell("lstm_peephole"), keras.layers.LSTM(7, return_sequences=True)
    theirs(X)
    *common, rows = ours.get_weights()
    ours.set_weights([*common, np.zeros_like(rows)])
    theirs.set_weights(common)
    np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-5, atol=1e-6)
    for one, other in zip(find_gradients(ours)[:-1], find_gradients(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize("peepholes", SOME, ids="-".join)
def test_the_gates_that_are_named_see_the_cell_and_the_others_do_not(peepholes):
    cell = make_cell("lstm_peephole", peepholes=peepholes)
    np.testing.assert_allclose(cell(X), run(X, cell.get_weights(), peepholes), rtol=1e-4, atol=1e-5)


def test_the_order_in_which_gates_are_named_does_not_matter():
    one, other = (make_cell("lstm_peephole", peepholes=order) for order in (("output", "input"), ("input", "output")))
    assert np.array_equal(one(X), other(X))


def test_the_gradients_are_those_of_finite_differences():
    cell = make_cell("lstm_peephole")
    x, weights = X.astype(np.float64), [array.astype(np.float64) for array in cell.get_weights()]
    found = find_gradients(cell)
    step = 1e-6
    for place, array in enumerate([x, *weights]):
        for at in np.random.default_rng(place).choice(array.size, 6, replace=False):
            index = np.unravel_index(at, array.shape)
            losses = []
            for moved in (step, -step):
                changed = [one.copy() for one in (x, *weights)]
                changed[place][index] += moved
                losses.append(np.sin(run(changed[0], changed[1:], GATES)).sum())
            wanted = (losses[0] - losses[1]) / (2 * step)
            assert float(found[place][index]) == pytest.approx(wanted, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("peepholes", [None, ("forget",), ("input", "output")])
def test_a_peephole_has_one_weight_a_unit(peepholes):
    gates = len(peepholes or GATES)
    with_them, without = make_cell("lstm_peephole", peepholes=peepholes), make_cell("lstm")
    assert with_them.count_params() - without.count_params() == gates * 7


def test_a_fresh_one_is_the_lstm():
    fresh, lstm = make_cell("lstm_peephole"), make_cell("lstm")
    fresh.reset(count(3))
    lstm.reset(count(3))
    np.testing.assert_allclose(fresh(X), lstm(X), rtol=1e-5, atol=1e-6)
