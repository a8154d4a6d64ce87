"""The minimal LSTM: all steps at once are one step after the other."""

import numpy as np
import pytest
from cell_makers import make_cell, sigmoid

from stockrnn.networks.minimal_lstm import scan_linear
from stockrnn.networks.tensorflow import tf


def run(x, kernel, bias):
    """Say the equations of Feng et al. (2024), minLSTM with its gates divided by their sum, one step at a time."""
    state, states = 0.0, []
    for inputs in x.transpose(1, 0, 2):
        f, i, candidate = np.split(inputs @ kernel + bias, 3, axis=1)
        f, i = sigmoid(f), sigmoid(i)
        state = f / (f + i) * state + i / (f + i) * candidate
        states.append(state)
    return np.stack(states, 1)


@pytest.mark.parametrize("steps", [1, 2, 7, 8, 40, 100])
def test_all_steps_at_once_are_one_after_the_other(steps):
    x = np.random.default_rng(steps).normal(size=(5, steps, 3)).astype(np.float32)
    cell = make_cell("minimal_lstm", x=x)
    wanted = run(*(array.astype(np.float64) for array in (x, *cell.get_weights())))
    np.testing.assert_allclose(cell(x), wanted, rtol=1e-4, atol=1e-4)


def test_a_long_memory_and_a_short_one_do_not_overflow():
    keep = tf.constant(np.repeat([[[1.0, 0.0]]], 500, axis=0), tf.float32)
    added = tf.ones((500, 1, 2))
    last = scan_linear(keep, added)[-1]
    assert last.numpy().tolist() == [[500.0, 1.0]]
    assert scan_linear(keep, added)[0].numpy().tolist() == [[1.0, 1.0]]


def test_its_gates_do_not_see_the_state_so_it_has_no_recurrent_weights():
    cell = make_cell("minimal_lstm")
    assert cell.count_params() == 3 * 7 * (3 + 1)
    assert cell.recurrence is None
