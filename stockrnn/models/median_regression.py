"""The median of the next return given the last one: a line, fitted by least absolute deviations.

Daily returns of stocks tend to be partly reversed on the next day (Jegadeesh 1990, "Evidence of Predictable Behavior
of Security Returns"; Lehmann 1990, "Fads, Martingales, and Market Efficiency"). A network alone does not find this in
the noise, so the line is fitted first and the network learns the residuals.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.linear_model import QuantileRegressor

_MAX = 4.0  # a crash is reversed no further than a bad day


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianRegression:
    """Median of the next return = intercept + slope * last return, all in units of volatility."""

    intercept: float
    slope: float

    @property
    def parameters(self) -> int:
        """How many numbers were fitted: intercept and slope."""
        return 2

    @classmethod
    def fit(cls, last_return: np.ndarray, y: np.ndarray) -> Self:
        """Fit on training targets.

        Koenker & Bassett (1978), "Regression Quantiles".

        Parameters
        ----------
        last_return, y
            In units of the volatility known at the cutoff, shape (N,), no NaN.
        """
        known = cls.limit(last_return)[:, np.newaxis]
        fitted = QuantileRegressor(quantile=0.5, alpha=0.0, solver="highs").fit(known, y.astype(np.float64))
        return cls(intercept=float(fitted.intercept_), slope=float(fitted.coef_[0]))

    def predict(self, last_return: np.ndarray) -> np.ndarray:
        """Return the medians, shape (N,)."""
        return np.asarray(self.intercept + self.slope * self.limit(last_return))

    @staticmethod
    def limit(last_return: np.ndarray) -> np.ndarray:
        """Return the last returns as the line sees them."""
        return np.clip(last_return.astype(np.float64), -_MAX, _MAX)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs."""
        return {"kind": "median_regression", "intercept": self.intercept, "slope": self.slope}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Rebuild the regression that `to_json` described; `ValueError` where it describes none."""
        made = cls(intercept=float(document["intercept"]), slope=float(document["slope"]))
        if not np.isfinite([made.intercept, made.slope]).all():
            raise ValueError("the line of its median is made of no numbers")
        return made
