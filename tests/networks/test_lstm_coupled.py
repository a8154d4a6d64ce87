"""The LSTM with a coupled gate, beside a reference in numpy and an LSTM that is forced to do the same."""

import numpy as np
from cell_makers import X, make_cell, sigmoid


def run(x, kernel, recurrent, bias):
    """Say the equations of Greff et al. (2017), CIFG, in float64; return all outputs."""
    output, cell, outputs = np.zeros((len(x), 7)), np.zeros((len(x), 7)), []
    for inputs in x.transpose(1, 0, 2):
        i, g, o = np.split(inputs @ kernel + output @ recurrent + bias, 3, axis=1)
        cell = (1 - sigmoid(i)) * cell + sigmoid(i) * np.tanh(g)
        output = sigmoid(o) * np.tanh(cell)
        outputs.append(output)
    return np.stack(outputs, 1)


def test_it_says_what_the_equations_say():
    cell = make_cell("lstm_coupled")
    wanted = run(*(array.astype(np.float64) for array in (X, *cell.get_weights())))
    np.testing.assert_allclose(cell(X), wanted, rtol=1e-4, atol=1e-5)


def test_it_is_an_lstm_whose_forget_gate_is_its_input_gate_turned_round():
    cell, lstm = make_cell("lstm_coupled"), make_cell("lstm")
    forced = []
    for array in cell.get_weights():
        i, g, o = np.split(array, 3, axis=-1)
        forced.append(np.concatenate([i, -i, g, o], -1))  # sigmoid(-a) = 1 - sigmoid(a)
    lstm.set_weights(forced)
    np.testing.assert_allclose(cell(X), lstm(X), rtol=1e-4, atol=1e-5)


def test_it_has_exactly_three_quarters_of_the_lstms_parameters():
    assert 4 * make_cell("lstm_coupled").count_params() == 3 * make_cell("lstm").count_params()
