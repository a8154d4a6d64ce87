"""What an echo state network learns: a line from the last value and the reservoir's state to the next value."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readout:
    """next value = intercept + value_weight * last value + state_weights @ state.

    Attributes
    ----------
    state_weights
        Shape (units,).
    """

    intercept: float
    value_weight: float
    state_weights: np.ndarray

    @classmethod
    def fit(cls, last_values: np.ndarray, states: np.ndarray, y: np.ndarray, *, ridge: float) -> Self:
        """Fit by ridge regression, which leaves the intercept alone (Hoerl & Kennard 1970).

        Parameters
        ----------
        last_values, states, y
            Shapes (N,), (N, units) and (N,), no NaN.
        ridge
            What is added to the sum of squared errors per squared weight.
        """
        # states are close to collinear: the normal equations would square that
        regression = Ridge(alpha=ridge, solver="svd")
        with threadpool_limits(limits=1, user_api="blas"):  # the last bits depend on how many threads there are
            fitted = regression.fit(np.column_stack([last_values, states]), y)
        return cls(
            intercept=float(fitted.intercept_),
            value_weight=float(fitted.coef_[0]),
            state_weights=np.array(fitted.coef_[1:]),
        )

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return 2 + len(self.state_weights)

    def predict(self, last_values: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Return the next values (N,); each depends on its own row alone, to the last bit."""
        learned = (np.ascontiguousarray(states) * self.state_weights).sum(axis=1)  # BLAS might round otherwise
        return np.asarray(self.intercept + self.value_weight * last_values + learned)

    def to_array(self) -> np.ndarray:
        """Return intercept, weight of the last value and weights of the state, shape (2 + units,)."""
        return np.concatenate([[self.intercept, self.value_weight], self.state_weights])

    @classmethod
    def from_array(cls, array: np.ndarray, *, units: int) -> Self:
        """Rebuild the readout that `to_array` described; `ValueError` where it describes none of so many units."""
        if array.shape != (2 + units,) or array.dtype.str != "<f8":
            raise ValueError(f"its readout is of shape {array.shape} and type {array.dtype}, not {2 + units} numbers")
        if not np.isfinite(array).all():
            raise ValueError("some weights of its readout are no numbers")
        return cls(intercept=float(array[0]), value_weight=float(array[1]), state_weights=array[2:].copy())
