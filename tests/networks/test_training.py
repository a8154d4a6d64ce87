"""The training loop, for networks that forecast a price and for those that forecast quantiles: reproducible."""

import subprocess
import sys

import numpy as np
import pytest
from sampled import sample

from stockrnn.errors import TrainingError
from stockrnn.networks import WarmStart, fit_network, make_examples, predict_network
from stockrnn.networks.tensorflow import tf
from stockrnn.networks.training import translate_memory_errors
from stockrnn.types import Network

PRICE = Network(lookback=6, layers=2, units=5, dropout=0.2, batch_size=8, learning_rate=0.01)
QUANTILE = Network(
    lookback=4, inputs=2, context=1, layers=1, units=6, dropout=0.2, batch_size=8, learning_rate=0.01,
    levels=(0.1, 0.5, 0.9),
)  # fmt: skip


def make(network, count, *, seed=0):
    rng = np.random.default_rng(seed)
    x, context = rng.normal(size=(count, network.lookback, network.inputs)), rng.normal(size=(count, network.context))
    return make_examples(x, x[:, -1, 0] + rng.normal(size=count), context=context)


def fit(network, *, count=20, data_seed=0, validated=False, **options):
    validation = make(network, 10, seed=100) if validated else None
    training = make(network, count, seed=data_seed)
    return fit_network(network, training, validation, **({"epochs": 3, "seed": 7} | options))


def predict(network, fitted, examples):
    return predict_network(network, fitted.weights, examples.x, examples.context)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))


each_network = pytest.mark.parametrize("network", [PRICE, QUANTILE], ids=["price", "quantile"])
with_and_without_validation = pytest.mark.parametrize("validated", [False, True], ids=["blind", "validated"])


@pytest.mark.parametrize(
    ("network", "validated"),
    sample([(PRICE, False), (QUANTILE, True), (PRICE, True), (QUANTILE, False)], first=1),
    ids=["price-blind", "quantile-validated", "price-validated", "quantile-blind"],
)
def test_the_same_seed_gives_the_same_weights_bit_for_bit_and_another_one_others(network, validated):
    first, again, other = (fit(network, validated=validated, seed=seed) for seed in (7, 7, 8))
    assert same(first, again)
    assert first.losses == again.losses
    assert not same(first, other)


@pytest.mark.exhaustive
def test_another_process_gives_the_same_weights_bit_for_bit(tmp_path):
    here = fit(PRICE)
    examples = make(PRICE, 20)
    np.savez(tmp_path / "examples.npz", x=examples.x, y=examples.y)
    code = (
        "import numpy as np\n"
        "from stockrnn.networks import fit_network, make_examples\n"
        "from stockrnn.types import Network\n"
        "stored = np.load('examples.npz')\n"
        f"network = Network.from_json({PRICE.to_json()!r})\n"
        "fitted = fit_network(network, make_examples(stored['x'], stored['y']), epochs=3, seed=7)\n"
        "np.savez('weights.npz', *fitted.weights)\n"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    weights = np.load(tmp_path / "weights.npz")
    assert all(np.array_equal(weights[f"arr_{number}"], array) for number, array in enumerate(here.weights))
    assert there.stderr == ""


@each_network
def test_what_was_trained_before_leaves_no_trace(network):
    alone = fit(network)
    fit(network, count=33, data_seed=9, seed=2)
    assert same(fit(network), alone)


@each_network
@with_and_without_validation
def test_a_warm_training_goes_on_from_the_weights_at_its_own_rate_and_leaves_no_trace(network, validated):
    first = fit(network, validated=validated)
    still, moved = (
        fit(network, validated=validated, epochs=1, seed=2, warm_start=WarmStart(first.weights, learning_rate=rate))
        for rate in (1e-9, 0.01)
    )
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(still.weights, first.weights, strict=True))
    assert not np.allclose(moved.weights[0], first.weights[0], atol=1e-6)
    # the rate of the next training from scratch is the network's again
    assert same(fit(network, validated=validated), first)


@each_network
def test_a_warm_training_begins_with_the_loss_of_its_weights(network):
    first = fit(network, validated=True)
    warm = fit(network, validated=True, epochs=1, warm_start=WarmStart(first.weights, learning_rate=1e-9))
    assert warm.losses[0] == pytest.approx(min(first.losses), rel=1e-4)


@each_network
def test_the_weights_kept_are_those_of_the_epoch_that_is_best_on_the_validation_examples(network):
    long = fit(network, validated=True, epochs=60)
    best = int(np.argmin(long.losses)) + 1
    assert best < 60
    until_best = fit(network, validated=True, epochs=best)
    assert same(long, until_best)
    assert until_best.losses == long.losses[:best]


@each_network
def test_training_stops_when_the_validation_examples_got_no_better_for_so_many_epochs(network):
    losses = fit(network, validated=True, epochs=200, patience=4).losses
    assert len(losses) < 200
    assert len(losses) - 1 - int(np.argmin(losses)) == 4


@each_network
def test_a_forecast_does_not_depend_on_how_many_others_are_asked_for(network):
    fitted = fit(network, epochs=1)
    examples = make(network, 1100, seed=5)
    together = predict(network, fitted, examples)
    for place in (0, 12, 1099):
        alone = predict_network(
            network, fitted.weights, examples.x[place : place + 1], examples.context[place : place + 1]
        )
        assert np.array_equal(alone[0], together[place])
    none = predict_network(network, fitted.weights, examples.x[:0], examples.context[:0])
    assert none.shape == (0, *together.shape[1:])


def test_training_learns_a_pattern_that_is_there():
    wave = np.sin(np.arange(120) / 3)
    x = np.stack([wave[at : at + 6, np.newaxis] for at in range(114)])
    fitted = fit_network(PRICE, make_examples(x, wave[6:]), epochs=40, seed=0)
    assert fitted.losses[-1] < 0.2 * fitted.losses[0]


@each_network
@with_and_without_validation
def test_every_epoch_is_reported_and_the_beginning_too(network, validated):
    seen = []
    fitted = fit(network, validated=validated, on_epoch=lambda *args: seen.append(args))
    assert [epoch for epoch, _ in seen] == [0, 1, 2, 3]
    assert np.isnan(seen[0][1])
    assert [loss for _, loss in seen[1:]] == list(fitted.losses)


@each_network
@with_and_without_validation
def test_a_loss_that_is_no_number_stops_the_training_and_says_at_which_epoch(network, validated):
    broken = make(network, 20)
    broken.y[:] = np.nan
    validation = make(network, 10) if validated else None
    with pytest.raises(TrainingError, match="epoch 1: the loss is nan; lower the spec's learning_rate"):
        fit_network(network, broken, validation, epochs=3, seed=0)


@pytest.mark.parametrize("error", [MemoryError("no more"), tf.errors.ResourceExhaustedError(None, None, "OOM")])
def test_out_of_memory_is_a_failed_training_that_says_what_to_do(error):
    words = r"ran out of memory: .*make the spec's batch_size or units less"
    with pytest.raises(TrainingError, match=words), translate_memory_errors():
        raise error
