"""The heads: losses against independent ones, quantiles that never cross."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss, mean_squared_error

from stockrnn.networks.heads import PriceHead, QuantileHead, make_head
from stockrnn.networks.tensorflow import keras

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
RNG = np.random.default_rng(0)
Y = RNG.normal(size=20).astype(np.float32)
SAMPLE_WEIGHT = (np.arange(20) < 17).astype(np.float32)


def mean_pinball(y, quantiles, **options):
    losses = [mean_pinball_loss(y, quantiles[:, at], alpha=level, **options) for at, level in enumerate(LEVELS)]
    return np.mean(losses)


def test_without_levels_the_head_is_that_of_one_price():
    assert isinstance(make_head(()), PriceHead)
    assert isinstance(make_head(LEVELS), QuantileHead)


def test_the_loss_of_a_price_is_the_squared_error():
    forecast = RNG.normal(size=20).astype(np.float32)
    expected = mean_squared_error(Y, forecast, sample_weight=SAMPLE_WEIGHT)
    assert float(PriceHead().sum_losses(forecast, Y, SAMPLE_WEIGHT)) / 17 == pytest.approx(expected, rel=1e-5)
    assert PriceHead().mean_loss(forecast, Y) == pytest.approx(mean_squared_error(Y, forecast), rel=1e-6)


def test_the_loss_of_quantiles_is_the_pinball_loss():
    forecast = np.sort(RNG.normal(size=(20, 5)).astype(np.float32))
    head = QuantileHead(LEVELS)
    expected = mean_pinball(Y, forecast, sample_weight=SAMPLE_WEIGHT)
    assert float(head.sum_losses(forecast, Y, SAMPLE_WEIGHT)) / 17 == pytest.approx(expected, rel=1e-5)
    assert head.mean_loss(forecast, Y) == pytest.approx(mean_pinball(Y, forecast), rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_quantiles_never_cross_whatever_the_numbers_are(seed, size):
    numbers = (size * np.random.default_rng(seed).normal(size=(50, 6))).astype(np.float32)
    quantiles = QuantileHead(LEVELS).forecast(numbers).numpy()
    assert quantiles.shape == (50, 5)
    assert (np.diff(quantiles, axis=1) >= 0).all()


@pytest.mark.parametrize("head", [PriceHead(), QuantileHead(LEVELS)], ids=["price", "quantiles"])
def test_the_same_seed_gives_the_same_fresh_weights_and_another_one_others(head):
    dense = keras.layers.Dense(head.width)
    dense.build((None, 8))
    kernels = []
    for seed in (1, 1, 2):
        head.reset(dense, Y, seed=seed)
        kernels.append(dense.kernel.numpy())
    assert np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_a_fresh_quantile_head_forecasts_the_quantiles_of_the_targets():
    head, dense = QuantileHead(LEVELS), keras.layers.Dense(6)
    dense.build((None, 8))
    head.reset(dense, Y, seed=0)
    at_zero = head.forecast(dense(np.zeros((1, 8), dtype=np.float32))).numpy()[0]
    assert at_zero == pytest.approx(np.quantile(Y, LEVELS), abs=1e-5)
