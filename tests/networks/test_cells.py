"""What every cell promises, and that its name alone costs nothing."""

import subprocess
import sys
from itertools import count

import numpy as np
import pytest
from cell_makers import X, find_gradients, make_cell

from stockrnn.networks.cells import cell_names, cell_options, load_cell
from stockrnn.networks.recurrence import shift
from stockrnn.networks.tensorflow import tf

each_cell = pytest.mark.parametrize("name", cell_names())
STEPS = X.shape[1]


def make(name, *, return_sequences=True, seed=0, **options):
    cell = make_cell(name, return_sequences=return_sequences, **options)
    cell.reset(count(seed))
    return cell


def step_by_step(cell, x):
    """Say the cell's equations once a step, as they are written; TensorFlow differentiates them."""
    inputs = tf.unstack(cell.project(tf.transpose(x, (1, 0, 2))))
    state, outputs = [tf.zeros((len(x), cell.units))] * cell.states, []
    for gates in inputs:
        told = gates if cell.recurrence is None else gates + state[0] @ cell.recurrence
        state = cell.advance(told, state, cell.vectors)
        outputs.append(state[0])
    return tf.stack(outputs, 1)


def test_the_names_of_the_cells_are_known_without_keras():
    code = (
        "import sys\n"
        "from stockrnn.networks import cell_names\n"
        "print(*cell_names())\n"
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, heavy = done.stdout.splitlines()
    assert "lstm" in names.split()
    assert heavy == "[]"


def test_an_unknown_cell_cannot_be_loaded():
    with pytest.raises(KeyError, match="lsmt"):
        load_cell("lsmt")


@each_cell
def test_without_sequences_a_cell_gives_the_last_output_of_its_sequence(name):
    sequences, last = make(name), make(name, return_sequences=False)
    assert sequences(X).shape == (5, 11, 7)
    assert np.array_equal(last(X), sequences(X)[:, -1])


@each_cell
def test_an_output_knows_nothing_of_later_inputs_and_something_of_earlier_ones(name):
    cell = make(name)
    changed = X.copy()
    changed[:, 6] += 1
    before, after = cell(X).numpy(), cell(changed).numpy()
    assert np.array_equal(before[:, :6], after[:, :6])
    assert (np.abs(before[:, 6:] - after[:, 6:]).max(axis=(0, 2)) > 0).all()


@each_cell
def test_the_same_seeds_give_a_cell_the_same_fresh_weights_and_others_others(name):
    one, again, other = (make(name, seed=seed).get_weights() for seed in (0, 0, 100))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])


@each_cell
def test_all_steps_together_say_and_learn_what_the_equations_do_step_by_step(name):
    cell = make_cell(name)
    np.testing.assert_allclose(cell(X), step_by_step(cell, X), rtol=1e-4, atol=1e-5)
    slow = find_gradients(cell, of=lambda x: step_by_step(cell, x))
    for one, other in zip(find_gradients(cell), slow, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * max(np.abs(other).max(), 1))


@each_cell
def test_truncation_changes_no_output_and_makes_exactly_the_gradient_further_back_zero(name):
    free, cut = (make(name, return_sequences=False, truncate_after=after) for after in (None, 4))
    assert np.array_equal(free(X), cut(X))
    whole, truncated = find_gradients(free)[0].numpy(), find_gradients(cut)[0].numpy()
    assert (np.abs(whole).max(axis=(0, 2)) > 0).all()
    assert (truncated[:, : STEPS - 4] == 0).all()
    # of the last steps it is the same: an input acts on what comes after it alone
    np.testing.assert_allclose(truncated[:, STEPS - 4 :], whole[:, STEPS - 4 :], rtol=1e-5, atol=1e-7)


@each_cell
def test_truncated_weights_learn_from_the_last_steps_alone(name):
    cut = make(name, return_sequences=False, truncate_after=4)

    def last_steps(x):
        """Run the last steps from what the earlier ones led to, as a constant."""
        inputs = cut.project(tf.transpose(x, (1, 0, 2)))
        state = [tf.zeros((len(x), cut.units))] * cut.states
        for step, gates in enumerate(tf.unstack(inputs)):
            told = gates if cut.recurrence is None else gates + state[0] @ cut.recurrence
            state = cut.advance(told, state, cut.vectors)
            if step == STEPS - 5:
                state = [tf.stop_gradient(one) for one in state]
        return state[0]

    for one, other in zip(find_gradients(cut), find_gradients(cut, of=last_steps), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@each_cell
def test_a_truncation_beyond_the_window_is_none(name):
    free, cut = (make(name, truncate_after=after) for after in (None, STEPS))
    for one, other in zip(find_gradients(free), find_gradients(cut), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", [name for name in cell_names() if "recurrent_initializer" in cell_options(name)])
def test_the_recurrence_begins_as_the_options_say(name):
    begun = {
        how: make(name, recurrent_initializer=how).recurrent_kernel.numpy()
        for how in ("orthogonal", "glorot_uniform", "identity")
    }
    blocks = begun["identity"].shape[1] // 7
    assert np.array_equal(begun["identity"], np.tile(np.eye(7), blocks))
    np.testing.assert_allclose(begun["orthogonal"] @ begun["orthogonal"].T, np.eye(7), atol=1e-5)
    limit = np.sqrt(6 / (7 + 7 * blocks))  # Glorot & Bengio (2010)
    assert 0.9 * limit < np.abs(begun["glorot_uniform"]).max() <= limit
    assert np.array_equal(make(name).recurrent_kernel, begun["orthogonal"])


@pytest.mark.parametrize(
    ("name", "gate", "sign"),
    [("lstm", 1, 1), ("lstm_peephole", 1, 1), ("lstm_coupled", 0, -1), ("minimal_lstm", 0, 1)],
)
def test_the_bias_of_the_forget_gate_begins_at_one_or_as_the_options_say(name, gate, sign):
    for options, bias in (({}, 1.0), ({"forget_bias": 2.5}, 2.5)):
        blocks = make(name, **options).bias.numpy().reshape(-1, 7)
        assert (blocks[gate] == sign * bias).all()
        assert (np.delete(blocks, gate, axis=0) == 0).all()


def test_what_was_there_before_a_step_is_what_was_there_after_the_one_before():
    assert shift(tf.constant([[[1.0]], [[2.0]], [[3.0]]])).numpy().ravel().tolist() == [0.0, 1.0, 2.0]
