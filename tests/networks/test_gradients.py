"""How far back gradients reach: the theory of a linear recurrence, finite differences, and truncation."""

from dataclasses import replace

import numpy as np
import pytest
from sampled import sample

from stockrnn.networks import make_examples, make_fresh_weights, measure_norms, measure_reach, predict_network
from stockrnn.networks.cells import cell_names
from stockrnn.types import Network
from stockrnn.types.networks import CellOptions

SMALL = Network(lookback=6, layers=2, units=4, dropout=0.2, batch_size=8, learning_rate=0.01)
RNG = np.random.default_rng(0)
some_cells = pytest.mark.parametrize("cell", sample(cell_names(), first=2))
EXAMPLES = make_examples(RNG.normal(size=(20, 6, 1)), RNG.normal(size=20))


def fresh(network, *, seed=0):
    return make_fresh_weights(network, EXAMPLES, seed=seed)


@pytest.mark.parametrize("rho", [0.9, 1.0, 1.1])
def test_a_linear_recurrence_multiplies_the_gradient_by_its_factor_at_every_step(rho):
    units = 8
    network = Network(
        lookback=40, cell="rnn", cell_options=CellOptions(activation="linear"), layers=1, units=units, dropout=0.0,
        batch_size=8, learning_rate=0.01,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    orthogonal = np.linalg.qr(rng.normal(size=(units, units)))[0]
    kernel, readout = rng.normal(size=(1, units)), rng.normal(size=(units, 1))
    weights = [kernel, rho * orthogonal, np.zeros(units), readout, np.zeros(1)]
    reach = measure_reach(network, [array.astype(np.float32) for array in weights], rng.normal(size=(3, 40, 1)))
    np.testing.assert_allclose(reach.states, rho ** np.arange(40), rtol=1e-4)
    assert reach.states[39] == pytest.approx({0.9: 0.016423, 1.0: 1.0, 1.1: 41.1448}[rho], rel=1e-4)  # by hand
    powers = [kernel @ np.linalg.matrix_power(rho * orthogonal, back) @ readout for back in range(40)]
    np.testing.assert_allclose(reach.inputs, np.abs(np.ravel(powers)), rtol=1e-3, atol=1e-5)


@some_cells
def test_the_forecast_depends_on_each_session_as_finite_differences_say(cell):
    network = replace(SMALL, cell=cell)
    weights, x, step = fresh(network), EXAMPLES.x[:5], 1e-2
    differences = []
    for session in range(6):
        moved = [x.copy(), x.copy()]
        moved[0][:, session] += step
        moved[1][:, session] -= step
        up, down = (predict_network(network, weights, one) for one in moved)
        differences.append(np.abs(up - down).mean() / (2 * step))
    np.testing.assert_allclose(measure_reach(network, weights, x).inputs, differences[::-1], rtol=2e-2, atol=2e-5)


@some_cells
def test_truncation_ends_both_exactly_there_and_leaves_what_is_nearer(cell):
    free = replace(SMALL, cell=cell)
    cut = replace(free, cell_options=CellOptions(truncate_after=2))
    weights = fresh(free)
    whole, truncated = (measure_reach(network, weights, EXAMPLES.x) for network in (free, cut))
    for one, other in ((whole.inputs, truncated.inputs), (whole.states, truncated.states)):
        assert (one > 0).all()
        assert (other[2:] == 0).all()
        np.testing.assert_allclose(other[:2], one[:2], rtol=1e-5)


def test_a_forget_gate_that_is_wide_open_keeps_the_cell_and_a_shut_one_forgets_at_once():
    network = replace(SMALL, layers=1)
    kernel, recurrent, bias, *head = fresh(network)
    reached = []
    for forget in (30.0, -30.0):
        told = bias.copy()
        told[4:8] = forget
        # no output is fed back, so that the cell alone remembers
        weights = [kernel, np.zeros_like(recurrent), told, *head]
        reached.append(measure_reach(network, weights, EXAMPLES.x).inputs)
    assert reached[0].min() > 0.3 * reached[0].max()
    assert reached[1][1:].max() < 1e-6 * reached[1][0]


def test_of_a_network_that_forecasts_quantiles_it_is_the_middle_one_that_is_looked_at():
    network = replace(SMALL, inputs=2, context=1, levels=(0.1, 0.5, 0.9))
    rng = np.random.default_rng(3)
    x, context = rng.normal(size=(4, 6, 2)), rng.normal(size=(4, 1))
    weights = make_fresh_weights(network, make_examples(x, rng.normal(size=4), context=context), seed=0)
    found = measure_reach(network, weights, x, context).inputs
    moved = x.copy()
    moved[:, -1, 0] += 1e-2
    by_first = predict_network(network, weights, moved, context) - predict_network(network, weights, x, context)
    # a norm over both columns is at least the share of one
    assert found[0] >= 0.95 * np.abs(by_first[:, 1]).mean() / 1e-2 > 0
    assert found.shape == (6,)


def test_fresh_weights_are_those_that_a_training_with_that_seed_begins_with():
    one, again, other = fresh(SMALL), fresh(SMALL), fresh(SMALL, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])


@pytest.mark.exhaustive
def test_the_norms_are_of_full_batches_and_shrink_with_the_error():
    network, weights = replace(SMALL, layers=1), fresh(replace(SMALL, layers=1))
    norms = measure_norms(network, weights, EXAMPLES, seed=0)
    assert norms.shape == (2,)  # 20 examples, 8 in a batch
    assert (norms > 0).all()
    forecast = predict_network(network, weights, EXAMPLES.x)
    known = make_examples(EXAMPLES.x, forecast)  # nothing is left to learn
    assert measure_norms(network, weights, known, seed=0).max() < 1e-4 * norms.max()
