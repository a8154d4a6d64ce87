"""What a ticker's own past says of its next return, beyond the line that holds for all tickers.

Most prices have nothing of the kind, so what is found counts by how far it stands out of the noise: the non-negative
garrote of Breiman (1995), "Better Subset Regression Using the Nonnegative Garrote", for all coefficients together.
"""

import numpy as np
import pandas as pd

from stockrnn.models.median_regression import MedianRegression

OWN_SESSIONS = 1000
"""How many of the newest sessions the regression is fitted on."""

_MIN_SESSIONS = 250
_THRESHOLD = 30.0  # chi-squared with 3 degrees of freedom goes beyond it once in 700,000 tries
_MAX_ANSWER = 6.0
_RIDGE = 1e-6
_TERMS = 3


def own_medians(measured: pd.DataFrame, line: MedianRegression, rows: np.ndarray) -> np.ndarray:
    """Return what is to be added to the line's median, in units of `scale`: shape (len(rows),).

    Least squares of what the line left of the moves so far, on the last return and on the distance of the close from
    its long mean, which catches prices that revert to a level. A move counts from the session on that ended it.

    Parameters
    ----------
    measured
        As `features.measure` returns it.
    rows
        Positions in it, ascending.
    """
    terms, rest = _make_terms(measured, line)
    coefficients = _fit(terms, rest, rows)
    said = np.where(np.isfinite(terms[rows]).all(axis=1), (coefficients * terms[rows]).sum(axis=1), 0.0)
    return np.asarray(said)


def stands_out(measured: pd.DataFrame) -> bool:
    """Whether the newest moves of a ticker can be foretold from its own past, as hardly a price can."""
    nothing = MedianRegression(intercept=0.0, slope=0.0)
    terms, rest = _make_terms(measured, nothing)
    return len(rest) > 0 and bool(_fit(terms, rest, np.array([len(rest) - 1])).any())


def _make_terms(measured: pd.DataFrame, line: MedianRegression) -> tuple[np.ndarray, np.ndarray]:
    """Return the terms known after each session (T, 3), and what the line left of the move after it (T,)."""
    last = measured["last_return"].to_numpy()
    terms = np.column_stack([np.ones(len(last)), MedianRegression.limit(last), measured["distance"].to_numpy()])
    rest = np.clip(measured["answer"].to_numpy() - line.predict(last), -_MAX_ANSWER, _MAX_ANSWER)
    return terms, rest


def _fit(terms: np.ndarray, rest: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the coefficients as known after each of `rows`, shrunk: shape (len(rows), 3)."""
    known = np.isfinite(terms).all(axis=1) & np.isfinite(rest)
    terms, rest = np.where(known[:, np.newaxis], terms, 0.0), np.where(known, rest, 0.0)
    products = np.column_stack(
        [known, rest**2, terms * rest[:, np.newaxis], (terms[:, :, np.newaxis] * terms[:, np.newaxis]).reshape(-1, 9)]
    )
    sums = np.concatenate([np.zeros((1, products.shape[1])), np.cumsum(products, axis=0)])
    sums = sums[rows] - sums[np.maximum(rows - OWN_SESSIONS, 0)]  # the move after a row's session is not known yet
    count, total, sides = sums[:, 0], sums[:, 1], sums[:, 2 : 2 + _TERMS]
    squares = sums[:, 2 + _TERMS :].reshape(-1, _TERMS, _TERMS) + _RIDGE * np.eye(_TERMS)
    coefficients = np.linalg.solve(squares, sides[:, :, np.newaxis])[:, :, 0]
    explained = (coefficients * sides).sum(axis=1)
    noise = np.maximum(total - explained, _RIDGE) / np.maximum(count - _TERMS, 1)
    share = np.where(count >= _MIN_SESSIONS, np.maximum(1 - _THRESHOLD * noise / np.maximum(explained, _RIDGE), 0), 0)
    return np.asarray(coefficients * share[:, np.newaxis])
