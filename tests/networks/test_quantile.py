"""A network with levels learns how wide its quantiles must be."""

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from stockrnn.networks import fit_network, make_examples, predict_network
from stockrnn.networks.compiled import compile_network
from stockrnn.types import Network

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
NETWORK = Network(
    lookback=4, inputs=2, context=1, layers=1, units=6, dropout=0.0, batch_size=32, learning_rate=0.01, levels=LEVELS
)


def spread_examples(count, *, seed):
    """Targets whose spread is told by the windows: 1 or 3, after the sign of the last input."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 4, 2))
    spread = np.where(x[:, -1, 0] > 0, 3.0, 1.0)
    y = spread * rng.normal(size=count)
    return make_examples(x, y, context=rng.normal(size=(count, 1)))


TRAINING, VALIDATION = spread_examples(3000, seed=1), spread_examples(600, seed=2)


def mean_pinball(y, quantiles):
    return np.mean([mean_pinball_loss(y, quantiles[:, at], alpha=level) for at, level in enumerate(LEVELS)])


@pytest.fixture(scope="module")
def fitted():
    return fit_network(NETWORK, TRAINING, VALIDATION, epochs=15, patience=3, seed=0)


@pytest.mark.exhaustive
def test_the_spread_that_the_windows_tell_is_learned(fitted):
    test = spread_examples(4000, seed=3)
    quantiles = predict_network(NETWORK, fitted.weights, test.x, test.context)
    wide = test.x[:, -1, 0] > 0.3
    narrow = test.x[:, -1, 0] < -0.3
    widths = quantiles[:, 3] - quantiles[:, 1]
    assert widths[wide].mean() == pytest.approx(2 * 1.2816 * 3, rel=0.12)
    assert widths[narrow].mean() == pytest.approx(2 * 1.2816, rel=0.12)
    inside = (quantiles[:, 1] <= test.y) & (test.y <= quantiles[:, 3])
    assert 0.77 < inside.mean() < 0.83
    blind = np.quantile(TRAINING.y, LEVELS) * np.ones((len(test.y), 1))
    assert mean_pinball(test.y, quantiles) < 0.95 * mean_pinball(test.y, blind)


def test_quantiles_never_cross_whatever_the_weights_and_the_windows_are():
    rng = np.random.default_rng(0)
    for size in (0.1, 1, 10, 30):
        weights = [(size * rng.normal(size=shape)).astype(np.float32) for shape in [(2, 24), (6, 24), 24, (7, 6), 6]]
        quantiles = predict_network(NETWORK, weights, VALIDATION.x, VALIDATION.context)
        assert (np.diff(quantiles, axis=1) >= 0).all()


def test_before_it_learns_it_forecasts_the_quantiles_of_the_training_targets():
    compiled = compile_network(NETWORK)
    weights_seed, dropout_seed = np.random.SeedSequence(0).spawn(2)
    compiled.reset(TRAINING.y, weights_seed=weights_seed, dropout_seed=dropout_seed)
    found = compiled.predict(VALIDATION.x, VALIDATION.context)
    expected = np.quantile(TRAINING.y, LEVELS) * np.ones((len(found), 1))
    assert found == pytest.approx(expected, abs=0.35)
    assert found.mean(0) == pytest.approx(expected.mean(0), abs=0.05)


def test_the_loss_of_the_best_epoch_is_the_pinball_loss_of_the_weights_that_are_kept(fitted):
    quantiles = predict_network(NETWORK, fitted.weights, VALIDATION.x, VALIDATION.context)
    assert mean_pinball(VALIDATION.y, quantiles) == pytest.approx(min(fitted.losses), abs=1e-12)
