"""The way forward that forecasts take: the same numbers as the one that trainings take."""

import numpy as np
import pytest

from stockrnn.networks import cell_names
from stockrnn.networks.compiled import compile_network
from stockrnn.types import Network

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("cell", cell_names())
@pytest.mark.parametrize("layers", [1, 2])
def test_it_gives_what_the_model_gives(cell, layers):
    network = Network(
        lookback=7, inputs=3, context=2, cell=cell, layers=layers, units=6, dropout=0.0, batch_size=8,
        learning_rate=0.01, levels=(0.1, 0.5, 0.9),
    )  # fmt: skip
    compiled = compile_network(network)
    compiled.model.set_weights([RNG.normal(size=variable.shape) for variable in compiled.model.weights])
    x, context = RNG.normal(size=(20, 7, 3)).astype(np.float32), RNG.normal(size=(20, 2)).astype(np.float32)
    numbers = compiled.model([x, context], training=False)
    expected = compiled._head.forecast(numbers).numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(compiled.predict(x, context), expected, rtol=2e-5, atol=2e-5)
