"""Averaged weights: what a training gives with `average_decay`, beside what its steps gave."""

from dataclasses import replace

import numpy as np
import pytest

from stockrnn.networks import WarmStart, fit_network, make_examples, predict_network
from stockrnn.types import Network

NETWORK = Network(lookback=6, layers=1, units=5, dropout=0.0, batch_size=8, learning_rate=0.01)
AVERAGED = replace(NETWORK, average_decay=0.6)
RNG = np.random.default_rng(0)
EXAMPLES = make_examples(RNG.normal(size=(8, 6, 1)), RNG.normal(size=8))  # one step per epoch
OTHERS = make_examples(RNG.normal(size=(8, 6, 1)), RNG.normal(size=8))


def weights_after(network, epochs, **options):
    return fit_network(network, EXAMPLES, epochs=epochs, seed=0, **options).weights


@pytest.mark.parametrize("start", [None, 0.003], ids=["fresh", "warm"])
def test_they_are_the_exponentially_weighted_mean_of_those_after_each_step(start):
    options = {} if start is None else {"warm_start": WarmStart(weights_after(NETWORK, 2), start)}
    averaged = None
    for step in (1, 2, 3, 4):
        last = weights_after(NETWORK, step, **options)
        if averaged is None:
            averaged = last
        else:
            averaged = [0.6 * mean + 0.4 * one for mean, one in zip(averaged, last, strict=True)]
        for found, expected in zip(weights_after(AVERAGED, step, **options), averaged, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_it_is_they_that_are_validated_and_kept():
    fitted = fit_network(AVERAGED, EXAMPLES, OTHERS, epochs=5, seed=0)
    losses = []
    for epochs in (1, 2, 3, 4, 5):
        said = predict_network(AVERAGED, weights_after(AVERAGED, epochs), OTHERS.x)
        losses.append(float(np.mean((said - OTHERS.y) ** 2)))
    assert list(fitted.losses) == pytest.approx(losses, rel=1e-5)
    best = weights_after(AVERAGED, 1 + int(np.argmin(losses)))
    for found, expected in zip(fitted.weights, best, strict=True):
        np.testing.assert_array_equal(found, expected)
