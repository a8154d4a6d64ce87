"""The quantile network learns, does not cross, stops in time and gives the same bits again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss

from stockrnn.errors import TrainingError
from stockrnn.networks import Examples, WarmStart, fit_quantiles, predict_quantiles
from stockrnn.types import QuantileNetwork

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
NETWORK = QuantileNetwork(
    lookback=4, inputs=2, context=1, layers=1, units=6, dropout=0.0, batch_size=32, learning_rate=0.01, levels=LEVELS
)


def make_examples(count, *, seed):
    """Answers whose spread is told by the windows: 1 or 3, after the sign of the last input."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 4, 2)).astype(np.float32)
    spread = np.where(x[:, -1, 0] > 0, 3.0, 1.0)
    y = (spread * rng.normal(size=count)).astype(np.float32)
    return Examples(x=x, context=rng.normal(size=(count, 1)).astype(np.float32), y=y)


TRAINING, VALIDATION = make_examples(3000, seed=1), make_examples(600, seed=2)


def mean_pinball(y, quantiles):
    return np.mean([mean_pinball_loss(y, quantiles[:, at], alpha=level) for at, level in enumerate(LEVELS)])


def fit(training=TRAINING, validation=VALIDATION, **options):
    return fit_quantiles(NETWORK, training, validation, **({"epochs": 15, "patience": 3, "seed": 0} | options))


@pytest.fixture(scope="module")
def fitted():
    return fit()


def test_the_spread_that_the_windows_tell_is_learned(fitted):
    test = make_examples(4000, seed=3)
    quantiles = predict_quantiles(NETWORK, fitted.weights, test.x, test.context)
    wide = test.x[:, -1, 0] > 0.3
    narrow = test.x[:, -1, 0] < -0.3
    widths = quantiles[:, 3] - quantiles[:, 1]
    assert widths[wide].mean() == pytest.approx(2 * 1.2816 * 3, rel=0.12)
    assert widths[narrow].mean() == pytest.approx(2 * 1.2816, rel=0.12)
    inside = (quantiles[:, 1] <= test.y) & (test.y <= quantiles[:, 3])
    assert 0.77 < inside.mean() < 0.83
    blind = np.quantile(TRAINING.y, LEVELS) * np.ones((len(test.y), 1))
    assert mean_pinball(test.y, quantiles) < 0.95 * mean_pinball(test.y, blind)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 30))
def test_quantiles_never_cross_whatever_the_weights_and_the_window_are(seed, size):
    rng = np.random.default_rng(seed)
    shapes = [(2, 24), (6, 24), (24,), (7, 6), (6,)]
    weights = [(size * rng.normal(size=shape)).astype(np.float32) for shape in shapes]
    x, context = rng.normal(size=(50, 4, 2)).astype(np.float32), rng.normal(size=(50, 1)).astype(np.float32)
    quantiles = predict_quantiles(NETWORK, weights, x, context)
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_before_it_learns_it_says_the_quantiles_of_the_training_answers():
    slow = QuantileNetwork(
        lookback=4, inputs=2, context=1, layers=1, units=6, dropout=0.0, batch_size=32, learning_rate=1e-9,
        levels=LEVELS,
    )  # fmt: skip
    weights = fit_quantiles(slow, TRAINING, VALIDATION, epochs=1, patience=1, seed=0).weights
    found = predict_quantiles(slow, weights, VALIDATION.x, VALIDATION.context)
    expected = np.quantile(TRAINING.y, LEVELS) * np.ones((len(found), 1))
    assert found == pytest.approx(expected, abs=0.35)
    assert found.mean(0) == pytest.approx(expected.mean(0), abs=0.05)


def test_the_same_seed_gives_the_same_bits_and_another_one_others(fitted):
    again, other = fit(), fit(seed=1)
    assert all((one == two).all() for one, two in zip(fitted.weights, again.weights, strict=True))
    assert fitted.losses == again.losses
    assert any((one != two).any() for one, two in zip(fitted.weights, other.weights, strict=True))


def test_the_weights_kept_are_those_of_the_best_epoch(fitted):
    quantiles = predict_quantiles(NETWORK, fitted.weights, VALIDATION.x, VALIDATION.context)
    assert mean_pinball(VALIDATION.y, quantiles) == pytest.approx(min(fitted.losses), abs=1e-12)


def test_training_stops_when_the_newest_sessions_say_so():
    noise = make_examples(40, seed=4)  # few enough to be learned by heart
    losses = fit(training=noise, epochs=200, patience=4).losses
    assert len(losses) < 200
    assert len(losses) - 1 - int(np.argmin(losses)) == 4


def test_a_forecast_does_not_depend_on_how_many_are_asked_for_beside_it(fitted):
    many = predict_quantiles(NETWORK, fitted.weights, TRAINING.x[:1500], TRAINING.context[:1500])
    one = predict_quantiles(NETWORK, fitted.weights, TRAINING.x[1400:1401], TRAINING.context[1400:1401])
    assert (many[1400:1401] == one).all()
    assert predict_quantiles(NETWORK, fitted.weights, TRAINING.x[:0], TRAINING.context[:0]).shape == (0, len(LEVELS))


def test_answers_that_are_no_numbers_stop_the_training():
    broken = Examples(x=TRAINING.x, context=TRAINING.context, y=np.full_like(TRAINING.y, np.nan))
    with pytest.raises(TrainingError, match="the loss is nan"):
        fit(training=broken)


def test_a_warm_training_begins_where_the_weights_are(fitted):
    start = WarmStart(fitted.weights, learning_rate=1e-9)
    warm = fit(start=start, epochs=1)
    assert warm.losses[0] == pytest.approx(min(fitted.losses), rel=1e-4)
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(warm.weights, fitted.weights, strict=True))
