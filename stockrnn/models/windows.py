"""Windows over a price series, and the scaling that is fitted on the training part only."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.preprocessing import MinMaxScaler


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What a model learns from.

    Attributes
    ----------
    x
        Oldest first, shape (N, lookback, 1).
    y
        The value right after each window, shape (N,).
    """

    x: np.ndarray
    y: np.ndarray


def make_windows(values: np.ndarray, *, lookback: int) -> Windows:
    """Cut every window of `lookback` values that has a value after it.

    Parameters
    ----------
    values
        Oldest first, no NaN, shape (T,) with T > lookback.

    Returns
    -------
    Windows
        N = T - lookback of them; `x[i]` is `values[i : i + lookback]`, `y[i]` is `values[i + lookback]`.

    >>> make_windows(np.array([1.0, 2.0, 3.0, 4.0]), lookback=2).y
    array([3., 4.])
    """
    x = sliding_window_view(values[:-1], lookback)  # (N, lookback)
    return Windows(x=x[:, :, np.newaxis].copy(), y=values[lookback:].copy())


def last_window(values: np.ndarray, *, lookback: int) -> np.ndarray:
    """Return the newest window, whose next value is not known yet: shape (1, lookback, 1)."""
    return values[np.newaxis, -lookback:, np.newaxis].copy()


@dataclass(frozen=True, slots=True)
class PriceScaler:
    """MinMax scaling to [0, 1] of the values it was fitted on; others may fall outside.

    A constant series scales to 0 and back to its constant.
    """

    data_min: float
    data_max: float

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Fit on training values only, shape (T,)."""
        fitted = MinMaxScaler().fit(values.reshape(-1, 1))
        return cls(float(fitted.data_min_[0]), float(fitted.data_max_[0]))

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Scale prices of any shape."""
        return self._scaler().transform(values.reshape(-1, 1)).reshape(values.shape)  # type: ignore[no-any-return]

    def inverse(self, scaled: np.ndarray) -> np.ndarray:
        """Turn scaled values of any shape back into prices, float64."""
        column = scaled.reshape(-1, 1).astype(np.float64)
        return self._scaler().inverse_transform(column).reshape(scaled.shape)  # type: ignore[no-any-return]

    def to_json(self) -> dict[str, Any]:
        """Return the two numbers that `from_json` needs."""
        return {"kind": "minmax", "data_min": self.data_min, "data_max": self.data_max}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Rebuild the scaler that `to_json` described; `ValueError` where it describes none."""
        made = cls(float(document["data_min"]), float(document["data_max"]))
        if not -np.inf < made.data_min <= made.data_max < np.inf:
            raise ValueError(f"no prices lie between {made.data_min} and {made.data_max}")
        return made

    def _scaler(self) -> MinMaxScaler:
        return MinMaxScaler().fit(np.array([[self.data_min], [self.data_max]]))
