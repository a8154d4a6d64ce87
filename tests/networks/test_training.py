"""Training: the tutorial's arithmetic, reproducible, compiled once."""

import subprocess
import sys

import numpy as np
import pytest

from stockrnn.errors import TrainingError
from stockrnn.models.price import PriceSpec
from stockrnn.models.serialization import pack_weights
from stockrnn.models.windows import make_windows
from stockrnn.networks import WarmStart, fit_network, predict_network
from stockrnn.networks.tensorflow import keras, tf
from stockrnn.networks.training import _compile, explaining_memory, shuffled_batches
from stockrnn.types import Network
from stockrnn.types.hashing import hash_bytes

SMALL = Network(lookback=6, layers=2, units=5, dropout=0.2, batch_size=8, learning_rate=0.01)


def _windows(count, *, seed=0, lookback=6):
    values = np.random.default_rng(seed).normal(size=count + lookback).cumsum() / 10
    return make_windows(values, lookback=lookback)


def _hash(fitted):
    return hash_bytes(pack_weights(fitted.weights))


def _plain_keras(network):
    model = keras.Sequential([keras.Input((network.lookback, 1))])
    for number in range(1, network.layers + 1):
        model.add(keras.layers.LSTM(network.units, return_sequences=number < network.layers))
        model.add(keras.layers.Dropout(network.dropout))
    model.add(keras.layers.Dense(1))
    model.compile(optimizer=keras.optimizers.Adam(network.learning_rate), loss="mean_squared_error")
    return model


def test_the_tutorials_network_has_four_lstm_layers_of_45_each_followed_by_dropout():
    model = _compile(PriceSpec().network).model
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["HoistedLSTM", "Dropout"] * 4 + ["Dense"]
    assert [layer.units for layer in model.layers[:-1:2]] == [45] * 4
    assert [layer.rate for layer in model.layers[1:-1:2]] == [0.2] * 4
    # 4 * 45 * (inputs + 45 + 1) a layer, and 45 + 1 for the last: counted by hand
    assert model.count_params() == 4 * 45 * (1 + 45 + 1) + 3 * 4 * 45 * (45 + 45 + 1) + 46


def test_an_epoch_does_what_keras_train_on_batch_does_also_for_a_last_batch_that_is_not_full():
    network = Network(lookback=6, layers=2, units=5, dropout=0.0, batch_size=8, learning_rate=0.01)
    windows = _windows(19)  # 8 + 8 + 3
    fitted = fit_network(network, windows, epochs=2, seed=3)

    model = _plain_keras(network)
    weights_seed, dropout_seed, shuffle_seed = np.random.SeedSequence(3).spawn(3)
    compiled = _compile(network)
    compiled.reset(weights_seed, dropout_seed)
    model.set_weights(compiled.model.get_weights())
    shuffles = shuffled_batches(19, 8, np.random.default_rng(shuffle_seed))
    for batches, weights in (next(shuffles) for _ in range(2)):
        for batch, weight in zip(batches, weights, strict=True):
            chosen = batch[weight == 1]
            model.train_on_batch(windows.x[chosen], windows.y[chosen])

    for ours, theirs in zip(fitted.weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def test_a_prediction_is_that_of_plain_keras_with_the_same_weights():
    fitted = fit_network(SMALL, _windows(20), epochs=1, seed=0)
    model = _plain_keras(SMALL)
    model.set_weights(fitted.weights)
    x = _windows(13, seed=5).x
    ours = predict_network(SMALL, fitted.weights, x)
    np.testing.assert_allclose(ours, model.predict(x, verbose=0)[:, 0], rtol=1e-5, atol=1e-6)


def test_each_epoch_sees_every_window_once_and_padding_weighs_nothing():
    batches, weights = next(shuffled_batches(19, 8, np.random.default_rng(0)))
    assert batches.shape == weights.shape == (3, 8)
    assert sorted(batches[weights == 1]) == list(range(19))
    assert weights.sum() == 19


def test_the_same_seed_gives_the_same_weights_bit_for_bit():
    first, other = (fit_network(SMALL, _windows(20), epochs=3, seed=7) for _ in range(2))
    assert _hash(first) == _hash(other)
    assert first.losses == other.losses


def test_another_process_gives_the_same_weights_bit_for_bit():
    here = fit_network(SMALL, _windows(20), epochs=3, seed=7)
    code = (
        "import numpy as np\n"
        "from stockrnn.networks import fit_network\n"
        "from stockrnn.models.serialization import hash_bytes, pack_weights\n"
        "from stockrnn.types import Network\n"
        "from stockrnn.models.windows import make_windows\n"
        f"network = {SMALL!r}\n"
        "values = np.random.default_rng(0).normal(size=26).cumsum() / 10\n"
        "fitted = fit_network(network, make_windows(values, lookback=6), epochs=3, seed=7)\n"
        "print(hash_bytes(pack_weights(fitted.weights)))\n"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.split() == [_hash(here)]
    assert there.stderr == ""


def test_what_was_trained_before_leaves_no_trace():
    alone = fit_network(SMALL, _windows(20), epochs=2, seed=1)
    fit_network(SMALL, _windows(33, seed=9), epochs=2, seed=2)
    assert _hash(fit_network(SMALL, _windows(20), epochs=2, seed=1)) == _hash(alone)


def test_a_warm_training_goes_on_from_the_weights_at_its_own_rate_and_leaves_no_trace():
    first = fit_network(SMALL, _windows(20), epochs=5, seed=1)
    start = WarmStart(first.weights, learning_rate=1e-9)
    still = fit_network(SMALL, _windows(20), epochs=1, seed=2, start=start)
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(still.weights, first.weights, strict=True))
    moved = fit_network(SMALL, _windows(20), epochs=1, seed=2, start=WarmStart(first.weights, learning_rate=0.01))
    assert _hash(moved) != _hash(first)
    assert moved.losses[0] < fit_network(SMALL, _windows(20), epochs=1, seed=2).losses[0]
    # the rate of the next training from scratch is the network's again
    assert _hash(fit_network(SMALL, _windows(20), epochs=5, seed=1)) == _hash(first)


@pytest.mark.parametrize("error", [MemoryError("no more"), tf.errors.ResourceExhaustedError(None, None, "OOM")])
def test_a_want_of_memory_is_a_failed_training_that_says_what_to_do(error):
    words = r"ran out of memory: .*make the spec's batch_size or units less"
    with pytest.raises(TrainingError, match=words), explaining_memory():
        raise error


def test_another_seed_gives_other_weights():
    assert _hash(fit_network(SMALL, _windows(20), epochs=1, seed=1)) != _hash(
        fit_network(SMALL, _windows(20), epochs=1, seed=2)
    )


def test_the_training_step_is_traced_once_however_many_tickers_and_lengths_there_are():
    network = Network(lookback=6, layers=1, units=4, dropout=0.1, batch_size=8, learning_rate=0.01)
    for number, count in enumerate((20, 33, 8, 7)):
        fit_network(network, _windows(count, seed=number), epochs=2, seed=number)
    assert _compile(network).traces == 1


def test_training_learns_a_pattern_that_is_there():
    wave = np.sin(np.arange(120) / 3)
    fitted = fit_network(SMALL, make_windows(wave, lookback=6), epochs=40, seed=0)
    assert fitted.losses[-1] < 0.2 * fitted.losses[0]


def test_a_forecast_does_not_depend_on_how_many_others_are_asked_for():
    fitted = fit_network(SMALL, _windows(20), epochs=1, seed=0)
    x = _windows(13, seed=5).x
    together = predict_network(SMALL, fitted.weights, x)
    alone = [predict_network(SMALL, fitted.weights, x[i : i + 1])[0] for i in range(13)]
    assert together.tolist() == alone


def test_every_epoch_is_reported_and_the_beginning_too():
    seen = []
    fitted = fit_network(SMALL, _windows(20), epochs=3, seed=0, on_epoch=lambda *args: seen.append(args))
    assert [epoch for epoch, _ in seen] == [0, 1, 2, 3]
    assert [loss for _, loss in seen[1:]] == list(fitted.losses)


def test_a_loss_that_is_no_number_stops_the_training_and_says_at_which_epoch():
    windows = make_windows(np.full(30, 1e30), lookback=6)
    with pytest.raises(TrainingError, match=r"epoch 1: the loss is (nan|inf)"):
        fit_network(SMALL, windows, epochs=3, seed=0)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_tickers():
    code = (
        "import resource\n"
        "import numpy as np\n"
        "from stockrnn.networks import fit_network\n"
        "from stockrnn.models.price import PriceSpec\n"
        "from stockrnn.models.windows import make_windows\n"
        "page = resource.getpagesize()\n"
        "for ticker in range(20):\n"
        "    values = np.random.default_rng(ticker).random(340 + ticker)\n"
        "    fit_network(PriceSpec().network, make_windows(values, lookback=40), epochs=2, seed=0)\n"
        "    if ticker in (1, 19):\n"
        "        print(int(open('/proc/self/statm').read().split()[1]) * page / 2**20)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after_two, after_twenty = map(float, done.stdout.split())
    assert after_twenty - after_two < 100
