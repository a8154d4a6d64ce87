"""Which cells remember over how many steps: the adding problem, printed, not asserted.

Hochreiter & Schmidhuber (1997), experiment 4, as Le, Jaitly & Hinton (2015) pose it: a sequence of numbers between 0
and 1, two of them marked, one in each half; the answer is their sum. Who answers 1 whatever was marked has a mean
squared error of 1/6.
"""

import time

import numpy as np
import pytest

from stockrnn.networks import cell_names, fit_network, make_examples
from stockrnn.types import Network

STEPS = (30, 60, 100)
TRAINING, TESTED, EPOCHS, BATCH = 10_000, 1_000, 20, 64
SOLVED = 0.02


def pose(count, steps, *, seed):
    """Return so many sequences (count, steps, 2) with their answers (count,)."""
    rng = np.random.default_rng(seed)
    numbers, marks, each = rng.random((count, steps)), np.zeros((count, steps)), np.arange(count)
    first, second = rng.integers(0, steps // 2, count), rng.integers(steps // 2, steps, count)
    marks[each, first] = marks[each, second] = 1
    return make_examples(np.stack([numbers, marks], -1), numbers[each, first] + numbers[each, second])


@pytest.mark.parametrize("steps", STEPS)
def test_the_adding_problem(steps):
    batches = -(-TRAINING // BATCH)
    print(f"\nadding problem, {steps} steps; {EPOCHS * batches} training steps of {BATCH}; chance: {1 / 6:.3f}")
    print(f"{'cell':16}{'squared error':>14}  {'':10}{'solved at epoch':>16}{'seconds':>10}")
    training, tested = pose(TRAINING, steps, seed=1), pose(TESTED, steps, seed=2)
    for cell in cell_names():
        network = Network(
            lookback=steps, inputs=2, cell=cell, layers=1, units=32, dropout=0.0, batch_size=BATCH,
            learning_rate=0.01, clip_norm=1.0,
        )  # fmt: skip
        began = time.perf_counter()
        # judged on sequences that are not trained on; the last epoch, not the best one
        losses = fit_network(network, training, tested, epochs=EPOCHS, seed=0).losses
        solved = next((str(epoch) for epoch, loss in enumerate(losses, 1) if loss < SOLVED), "-")
        words = "solved" if losses[-1] < SOLVED else "not solved"
        print(f"{cell:16}{losses[-1]:14.4f}  {words:10}{solved:>16}{time.perf_counter() - began:10.0f}")
