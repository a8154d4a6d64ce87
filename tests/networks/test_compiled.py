"""The tutorial's network as it is compiled: the arithmetic of plain Keras, once per process."""

import subprocess
import sys

import numpy as np
import pytest

from stockrnn.models.price import PriceSpec
from stockrnn.networks import fit_network, make_examples, predict_network
from stockrnn.networks.compiled import compile_network
from stockrnn.networks.examples import shuffled_batches
from stockrnn.networks.tensorflow import keras
from stockrnn.types import Network

NETWORK = Network(lookback=6, layers=2, units=5, dropout=0.0, batch_size=8, learning_rate=0.01)


def _examples(count, *, seed=0):
    rng = np.random.default_rng(seed)
    return make_examples(rng.normal(size=(count, 6, 1)), rng.normal(size=count))


def _plain_keras(network):
    model = keras.Sequential([keras.Input((network.lookback, 1))])
    for number in range(1, network.layers + 1):
        model.add(keras.layers.LSTM(network.units, return_sequences=number < network.layers))
        model.add(keras.layers.Dropout(network.dropout))
    model.add(keras.layers.Dense(1))
    model.compile(optimizer=keras.optimizers.Adam(network.learning_rate), loss="mean_squared_error")
    return model


def test_the_tutorials_network_has_four_lstm_layers_of_45_each_followed_by_dropout():
    model = compile_network(PriceSpec().network).model
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert [type(layer).__name__ for layer in layers] == ["LSTM", "Dropout"] * 4 + ["Dense"]
    assert [layer.units for layer in layers[:-1:2]] == [45] * 4
    assert [layer.rate for layer in layers[1:-1:2]] == [0.2] * 4
    # 4 * 45 * (inputs + 45 + 1) per layer, and 45 + 1 for the last: counted by hand
    assert model.count_params() == 4 * 45 * (1 + 45 + 1) + 3 * 4 * 45 * (45 + 45 + 1) + 46


def test_the_context_of_a_window_goes_to_the_last_layer():
    network = Network(
        lookback=6, inputs=2, context=3, layers=1, units=5, dropout=0.0, batch_size=8, learning_rate=0.01,
        levels=(0.1, 0.5, 0.9),
    )  # fmt: skip
    kernel, bias = compile_network(network).model.get_layer("head").get_weights()
    assert (kernel.shape, bias.shape) == ((5 + 3, 4), (4,))


@pytest.mark.exhaustive
def test_an_epoch_does_what_keras_train_on_batch_does_also_for_a_last_batch_that_is_not_full():
    examples = _examples(19)  # 8 + 8 + 3
    fitted = fit_network(NETWORK, examples, epochs=2, seed=3)

    model = _plain_keras(NETWORK)
    weights_seed, dropout_seed, shuffle_seed = np.random.SeedSequence(3).spawn(3)
    compiled = compile_network(NETWORK)
    compiled.reset(examples.y, weights_seed=weights_seed, dropout_seed=dropout_seed)
    model.set_weights(compiled.model.get_weights())
    shuffles = shuffled_batches(19, 8, np.random.default_rng(shuffle_seed))
    for places, sample_weight in (next(shuffles) for _ in range(2)):
        for batch, weight in zip(places, sample_weight, strict=True):
            chosen = batch[weight == 1]
            model.train_on_batch(examples.x[chosen], examples.y[chosen])

    for ours, theirs in zip(fitted.weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def test_a_prediction_is_that_of_plain_keras_with_the_same_weights():
    fitted = fit_network(NETWORK, _examples(20), epochs=1, seed=0)
    model = _plain_keras(NETWORK)
    model.set_weights(fitted.weights)
    x = _examples(13, seed=5).x
    ours = predict_network(NETWORK, fitted.weights, x)
    np.testing.assert_allclose(ours, model.predict(x, verbose=0)[:, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.exhaustive
def test_the_training_step_is_traced_once_however_many_tickers_and_lengths_there_are():
    network = Network(lookback=6, layers=1, units=4, dropout=0.1, batch_size=8, learning_rate=0.01)
    for number, count in enumerate((20, 7)):
        fit_network(network, _examples(count, seed=number), epochs=2, seed=number)
    assert compile_network(network).traces == 1


@pytest.mark.exhaustive
@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_tickers(pytestconfig):
    if not pytestconfig.getoption("--all-nights"):
        pytest.skip("it takes twelve trainings of the whole network; run with --all-nights")
    code = (
        "import resource\n"
        "import numpy as np\n"
        "from stockrnn.networks import fit_network, make_examples\n"
        "from stockrnn.models.price import PriceSpec\n"
        "page = resource.getpagesize()\n"
        "for ticker in range(12):\n"
        "    rng = np.random.default_rng(ticker)\n"
        "    examples = make_examples(rng.random((300 + ticker, 40, 1)), rng.random(300 + ticker))\n"
        "    fit_network(PriceSpec().network, examples, epochs=2, seed=0)\n"
        "    if ticker in (1, 11):\n"
        "        print(int(open('/proc/self/statm').read().split()[1]) * page / 2**20)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after_two, after_twelve = map(float, done.stdout.split())
    assert after_twelve - after_two < 60
