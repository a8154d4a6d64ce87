"""What every cell promises, and that its name alone costs nothing."""

import subprocess
import sys
from itertools import count

import numpy as np
import pytest

from stockrnn.networks.cells import cell_names, load_cell

X = np.random.default_rng(0).normal(size=(5, 11, 3)).astype(np.float32)


def make(name, *, return_sequences=True, seed=0):
    cell = load_cell(name)(7, return_sequences=return_sequences)
    cell(X)
    cell.reset(count(seed))
    return cell


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


@pytest.mark.parametrize("name", cell_names())
def test_without_sequences_a_cell_gives_the_last_output_of_its_sequence(name):
    sequences, last = make(name), make(name, return_sequences=False)
    assert sequences(X).shape == (5, 11, 7)
    assert np.array_equal(last(X), sequences(X)[:, -1])


@pytest.mark.parametrize("name", cell_names())
def test_an_output_knows_nothing_of_later_inputs_and_something_of_earlier_ones(name):
    cell = make(name)
    changed = X.copy()
    changed[:, 6] += 1
    before, after = cell(X).numpy(), cell(changed).numpy()
    assert np.array_equal(before[:, :6], after[:, :6])
    assert (np.abs(before[:, 6:] - after[:, 6:]).max(axis=(0, 2)) > 0).all()


@pytest.mark.parametrize("name", cell_names())
def test_the_same_seeds_give_a_cell_the_same_fresh_weights_and_others_others(name):
    one, again, other = (make(name, seed=seed).get_weights() for seed in (0, 0, 100))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])
