"""A reservoir: a random recurrent network whose weights are never trained.

Jaeger 2001, "The 'echo state' approach to analysing and training recurrent neural networks", GMD report 148. Leaky
units: Jaeger, Lukosevicius, Popovici & Siewert 2007, "Optimization and applications of echo state networks with
leaky-integrator neurons". How its numbers are chosen: Lukosevicius 2012, "A Practical Guide to Applying Echo State
Networks".

States are never multiplied by a dense matrix: how the BLAS library rounds depends on how many windows stand beside
one another. The product with a sparse matrix treats each of them alone.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from stockrnn.types import Weights

_BATCH = 64  # windows; their states stay in the processor's cache
_LANES = 8  # windows are filled up to a multiple, so that none falls into the remainder of a vector loop


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reservoir:
    """state' = (1 - leak) * state + leak * tanh(bias + input_weights * value + recurrent @ state).

    Attributes
    ----------
    bias, input_weights
        Shape (units,).
    recurrent
        Weight to each unit (row) from each (column), most of them zero, shape (units, units).
    leak
        Share of its new state that a unit takes over in a step, 0 < leak <= 1.
    """

    bias: np.ndarray
    input_weights: np.ndarray
    recurrent: sparse.csr_array
    leak: float

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self.bias)

    def advance(self, state: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the states (units, N) that follow `state` (units, N) once each has seen its value, (N,)."""
        seen = self.bias[:, np.newaxis] + self.input_weights[:, np.newaxis] * values
        return np.asarray((1 - self.leak) * state + self.leak * np.tanh(seen + self.recurrent @ state))

    def last_states(self, windows: np.ndarray) -> np.ndarray:
        """Return the state at the end of each window, from zero at its start.

        Parameters
        ----------
        windows
            Oldest first, shape (N, lookback).

        Returns
        -------
        ndarray
            Shape (N, units). A state depends on its window alone, to the last bit.
        """
        made = [self._end_states(windows[at : at + _BATCH]) for at in range(0, len(windows), _BATCH)]
        return np.concatenate([np.empty((0, self.units)), *made])

    def _end_states(self, windows: np.ndarray) -> np.ndarray:
        padded = np.pad(windows, [(0, -len(windows) % _LANES), (0, 0)])
        state = np.zeros((self.units, len(padded)))
        for values in np.ascontiguousarray(padded.T):
            state = self.advance(state, values)
        return state[:, : len(windows)].T

    def to_arrays(self) -> Weights:
        """Return bias and input weights (2, units), places and values of the recurrent weights that are not zero.

        A place counts along the rows, from 0.
        """
        entries = self.recurrent.tocoo()
        places = (entries.row.astype(np.int64) * self.units + entries.col).astype(np.int32)
        return [np.stack([self.bias, self.input_weights]), places, entries.data]

    @classmethod
    def from_arrays(cls, arrays: Weights, *, leak: float) -> Self:
        """Rebuild the reservoir that `to_arrays` described; `ValueError` where it describes none.

        Memory is asked for in proportion to the arrays, whatever their numbers say.
        """
        inputs, places, values = arrays
        if [array.dtype.str for array in arrays] != ["<f8", "<i4", "<f8"]:
            raise ValueError("the weights of its reservoir are of other types than were stored")
        if inputs.shape[:-1] != (2,) or values.ndim != 1 or places.shape != values.shape:
            raise ValueError(f"the weights of its reservoir have the shapes {[array.shape for array in arrays]}")
        if not (np.isfinite(inputs).all() and np.isfinite(values).all()):
            raise ValueError("some weights of its reservoir are no numbers")
        return cls(
            bias=inputs[0].copy(),
            input_weights=inputs[1].copy(),
            recurrent=_make_matrix(places, values, units=inputs.shape[1]),
            leak=leak,
        )


def draw_reservoir(
    *, units: int, spectral_radius: float, leak: float, input_scale: float, sparsity: float, seed: int
) -> Reservoir:
    """Draw a reservoir; the same arguments give the same one, bit for bit, on one machine.

    Parameters
    ----------
    spectral_radius
        The largest absolute eigenvalue of the recurrent weights. Where it is 0, there are none.
    input_scale
        Bias and input weights are uniform between it and its negative.
    sparsity
        Share of the recurrent weights that are zero, 0 <= sparsity < 1; one of them is not, whatever the share.
    """
    recurrent_seed, input_seed = np.random.SeedSequence(seed).spawn(2)
    bias, input_weights = np.random.default_rng(input_seed).uniform(-input_scale, input_scale, (2, units))
    places, values = _draw_recurrent(units, sparsity, np.random.default_rng(recurrent_seed))
    if spectral_radius == 0:
        places, values = places[:0], values[:0]
    else:
        places, values = _rescale(places, values, units=units, spectral_radius=spectral_radius)
    matrix = _make_matrix(places, values, units=units)
    return Reservoir(bias=bias, input_weights=input_weights, recurrent=matrix, leak=leak)


def measure_spectral_radius(places: np.ndarray, values: np.ndarray, *, units: int) -> float:
    """Return the largest absolute eigenvalue of the matrix (units, units) with these values at these places."""
    dense = np.zeros(units * units)
    dense[places] = values
    with threadpool_limits(limits=1, user_api="blas"):  # the last bits depend on how many threads there are
        return float(np.abs(np.linalg.eigvals(dense.reshape(units, units))).max())


def _draw_recurrent(units: int, sparsity: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw as many places as are not zero, ascending, and their values, uniform between -1 and 1."""
    count = max(round((1 - sparsity) * units**2), 1)
    places = np.sort(rng.choice(units**2, size=count, replace=False)).astype(np.int32)
    return places, rng.uniform(-1, 1, count)


def _rescale(
    places: np.ndarray, values: np.ndarray, *, units: int, spectral_radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scale the values to that spectral radius.

    Few weights may hold no loop; no factor gives them a spectral radius. The first of them then becomes one: its unit
    feeds itself.
    """
    drawn = measure_spectral_radius(places, values, units=units)
    if drawn == 0:
        places = places.copy()
        places[0] = places[0] // units * (units + 1)
        order = np.argsort(places)
        places, values = places[order], values[order]
        drawn = measure_spectral_radius(places, values, units=units)
    return places, values * (spectral_radius / drawn)


def _make_matrix(places: np.ndarray, values: np.ndarray, *, units: int) -> sparse.csr_array:
    """Return the matrix (units, units) with these values at these places, counted along the rows and ascending."""
    places = places.astype(np.int64)  # differences of hostile ones would overflow
    if len(places) and not (places[0] >= 0 and (np.diff(places) > 0).all() and places[-1] < units * units):
        raise ValueError(f"the places of its recurrent weights are not those of {units} units, in order")
    ends = np.searchsorted(places, np.arange(units + 1) * units)
    return sparse.csr_array((values, places % max(units, 1), ends), shape=(units, units))
