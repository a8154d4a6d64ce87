"""A reservoir has the spectral radius asked for, and its states are those of the formula, each window's alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from stockrnn.models.reservoir import Reservoir, draw_reservoir

USUAL = {"units": 30, "spectral_radius": 0.9, "leak": 0.5, "input_scale": 0.5, "sparsity": 0.8, "seed": 0}


def draw(**changed):
    return draw_reservoir(**(USUAL | changed))


def radius(reservoir):
    with threadpool_limits(limits=1):  # many times faster where the other processors are busy
        return np.abs(np.linalg.eigvals(reservoir.recurrent.toarray())).max()


def states_step_by_step(reservoir, window):
    """The formula, one unit after the other."""
    weights, state = reservoir.recurrent.toarray(), [0.0] * reservoir.units
    for value in window:
        state = [
            (1 - reservoir.leak) * state[unit]
            + reservoir.leak
            * np.tanh(
                reservoir.bias[unit]
                + reservoir.input_weights[unit] * value
                + sum(weights[unit][other] * state[other] for other in range(reservoir.units))
            )
            for unit in range(reservoir.units)
        ]
    return state


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.to_arrays(), other.to_arrays(), strict=True))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"units": 200, "sparsity": 0.9},
        {"units": 400, "sparsity": 0.98, "spectral_radius": 1.2},
        {"sparsity": 0.0, "spectral_radius": 10.0},
        {"sparsity": 0.0, "spectral_radius": 1e-3},
        {"units": 1},
        {"units": 2, "sparsity": 0.5},
        {"spectral_radius": 0.0},
    ],
    ids=str,
)
def test_the_spectral_radius_is_the_one_asked_for(changed):
    for seed in range(5):
        assert radius(draw(seed=seed, **changed)) == pytest.approx((USUAL | changed)["spectral_radius"], abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 40), st.floats(0, 1, exclude_max=True), st.floats(0.01, 10), st.integers(0, 2**32 - 1))
def test_a_draw_of_few_weights_has_the_spectral_radius_too(units, sparsity, spectral_radius, seed):
    drawn = draw(units=units, sparsity=sparsity, spectral_radius=spectral_radius, seed=seed)
    assert radius(drawn) == pytest.approx(spectral_radius, abs=1e-6)


def test_where_the_weights_hold_no_loop_the_first_unit_that_has_one_feeds_itself():
    lonely = draw(units=50, sparsity=0.9999)
    assert lonely.recurrent.nnz == 1
    assert np.count_nonzero(lonely.recurrent.diagonal()) == 1
    assert radius(lonely) == pytest.approx(0.9, abs=1e-6)


def test_the_share_of_weights_that_are_zero_is_the_one_asked_for():
    assert [draw(sparsity=share).recurrent.nnz for share in (0.0, 0.8, 0.99)] == [900, 180, 9]
    assert draw(spectral_radius=0.0).recurrent.nnz == 0


def test_bias_and_input_weights_lie_between_the_input_scale_and_its_negative():
    wide = draw(units=2000, spectral_radius=0.0, input_scale=3.0)
    for weights in (wide.bias, wide.input_weights):
        assert -3 <= weights.min() < -2.9 < 2.9 < weights.max() <= 3


@pytest.mark.parametrize("leak", [0.01, 0.3, 1.0])
def test_states_are_those_of_the_formula(leak):
    reservoir = draw(leak=leak)
    windows = np.random.default_rng(1).normal(size=(3, 6))
    expected = [states_step_by_step(reservoir, window) for window in windows]
    np.testing.assert_allclose(reservoir.last_states(windows), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("units", [1, 7, 200])
def test_a_state_depends_on_its_window_alone_to_the_last_bit(units):
    reservoir = draw(units=units)
    windows = np.random.default_rng(2).random((300, 12))
    together = reservoir.last_states(windows)
    for count in (1, 2, 3, 8, 63, 64, 65, 299):
        assert np.array_equal(reservoir.last_states(windows[:count]), together[:count])
        assert np.array_equal(reservoir.last_states(windows[-count:]), together[-count:])
    assert reservoir.last_states(windows[:0]).shape == (0, units)


@pytest.mark.parametrize("spectral_radius", [0.0, 0.5, 0.9])
def test_the_echo_of_the_first_value_fades(spectral_radius):
    """The echo state property: a spectral radius below 1 forgets where it began (Jaeger 2001)."""
    reservoir = draw(spectral_radius=spectral_radius)
    short, long = np.full((2, 5), 0.5), np.full((2, 200), 0.5)
    short[1, 0] = long[1, 0] = 2.0
    gap = [np.abs(np.diff(reservoir.last_states(windows), axis=0)).max() for windows in (short, long)]
    assert gap[0] > 1e-3
    assert gap[1] < 1e-6


def test_the_same_seed_gives_the_same_bits_and_another_seed_other_weights():
    assert same(draw(), draw())
    for mine, other in zip(draw().to_arrays(), draw(seed=1).to_arrays(), strict=True):
        assert not np.array_equal(mine, other)


def test_what_was_stored_is_the_same_reservoir():
    reservoir = draw()
    again = Reservoir.from_arrays(reservoir.to_arrays(), leak=reservoir.leak)
    assert same(reservoir, again)
    windows = np.random.default_rng(3).random((9, 5))
    assert np.array_equal(again.last_states(windows), reservoir.last_states(windows))


def test_only_the_weights_that_are_not_zero_are_stored():
    arrays = draw(units=200, sparsity=0.9).to_arrays()
    assert [array.shape for array in arrays] == [(2, 200), (4000,), (4000,)]
    assert [str(array.dtype) for array in arrays] == ["float64", "int32", "float64"]
    assert (arrays[2] != 0).all()


@pytest.mark.parametrize(
    ("number", "changed", "said"),
    [
        (1, lambda places: places[::-1], "places"),
        (1, lambda places: places - places[0] - 1, "places"),
        (1, lambda places: places + 899, "places"),
        (1, lambda places: np.where(places == places[-1], -(2**31), places).astype("<i4"), "places"),
        (1, lambda places: np.full_like(places, 2**31 - 1), "places"),
        (1, lambda places: places.astype("<i8"), "types"),
        (0, lambda inputs: inputs.T, "shapes"),
        (0, lambda inputs: inputs[0], "shapes"),
        (0, lambda inputs: inputs[:, :0], "places"),
        (0, lambda inputs: np.full_like(inputs, np.nan), "no numbers"),
        (2, lambda values: values[1:], "shapes"),
        (2, lambda values: np.full_like(values, np.inf), "no numbers"),
        (2, lambda values: values.astype("<f4"), "types"),
    ],
)
def test_arrays_that_make_no_reservoir_are_refused(number, changed, said):
    arrays = draw().to_arrays()
    arrays[number] = changed(arrays[number])
    with pytest.raises(ValueError, match=said):
        Reservoir.from_arrays(arrays, leak=0.5)
