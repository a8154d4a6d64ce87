"""The examples that a quantile network learns from: windows of many tickers, and what came after each."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from stockrnn.errors import HoldoutError
from stockrnn.models.features import Inputs, make_inputs, make_targets
from stockrnn.models.median_regression import MedianRegression
from stockrnn.networks import Examples, make_examples
from stockrnn.types import Target

_MIN_DAYS = 1.0
_VALIDATION_SHARE = 0.2


def make_windows_of(bars: pd.DataFrame, *, lookback: int, target: Target) -> Inputs:
    """Return the windows of known bars; the day after the last bar is taken for the next session."""
    days = np.diff(bars.index.to_numpy()).astype("timedelta64[D]").astype(np.float64)
    ahead = pd.Series([*days, _MIN_DAYS][: len(bars)], index=bars.index)
    return make_inputs(bars, ahead, lookback=lookback, target=target)


def gather_examples(
    bars: Mapping[str, pd.DataFrame],
    *,
    target: Target,
    seed: int,
    lookback: int,
    max_windows: int,
    validation_sessions: int,
    median: MedianRegression | None = None,
) -> tuple[MedianRegression, Examples, Examples]:
    """Return the regression of the median, and what it leaves to be learned: training and validation examples.

    Parameters
    ----------
    bars
        Ticker to bars, index `session`, ascending, columns `BAR_COLUMNS`.
    max_windows
        Of more, a sample is drawn, evenly from the tickers.
    validation_sessions
        The newest sessions, at most a fifth of all, are validation.
    median
        A regression to keep; None: it is fitted on the training examples.

    Raises
    ------
    HoldoutError
        No window is left before the validation sessions, or none in them.
    """
    x, context, y, sessions = _stack_tickers(
        bars, target=target, seed=seed, lookback=lookback, max_windows=max_windows
    )
    held_back = _hold_back(sessions, max_sessions=validation_sessions)
    if held_back.all() or not held_back.any():
        raise HoldoutError(f"{len(y)} windows of {len(bars)} tickers are too few to train on; store a longer history")
    if median is None:
        median = MedianRegression.fit(last_return(x[~held_back]), y[~held_back])
    rest = (y - median.predict(last_return(x))).astype(np.float32)
    training, validation = (
        Examples(x=x[rows], context=context[rows], y=rest[rows]) for rows in (~held_back, held_back)
    )
    return median, training, validation


def make_examples_of(bars: pd.DataFrame, median: MedianRegression, *, lookback: int, target: Target) -> Examples:
    """Return the windows of one ticker that have a value after them, and what the regression leaves of it."""
    inputs = make_windows_of(bars, lookback=lookback, target=target)
    targets = make_targets(bars, inputs, target=target)
    rows = np.flatnonzero(np.isfinite(targets))
    x = inputs.x[rows]
    rest = targets[rows] - median.predict(last_return(x))
    return make_examples(x, rest, context=inputs.context[rows])


def last_return(x: np.ndarray) -> np.ndarray:
    """Return the newest return of each window, in units of its volatility: shape (N,). x: as of `Inputs`."""
    return np.asarray(x[:, -1, 0])


def _stack_tickers(
    bars: Mapping[str, pd.DataFrame], *, target: Target, seed: int, lookback: int, max_windows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return x, context, y and sessions of all tickers: at most `max_windows`, drawn evenly from them."""
    rng = np.random.default_rng(seed)
    share = max(max_windows // len(bars), 1)
    parts = []
    for known in bars.values():
        inputs = make_windows_of(known, lookback=lookback, target=target)
        targets = make_targets(known, inputs, target=target)
        rows = np.flatnonzero(np.isfinite(targets))
        if len(rows) > share:
            rows = np.sort(rng.choice(rows, share, replace=False))
        parts.append((inputs.x[rows], inputs.context[rows], targets[rows], inputs.sessions[rows].to_numpy()))
    x, context, y, sessions = (np.concatenate(column) for column in zip(*parts, strict=True))
    return x, context, y, sessions


def _hold_back(sessions: np.ndarray, *, max_sessions: int) -> np.ndarray:
    """Return which windows say when to stop: of the newest sessions, at most a fifth of all."""
    known = np.unique(sessions)
    count = min(max_sessions, int(len(known) * _VALIDATION_SHARE))
    return sessions >= known[-count] if count else np.zeros(len(sessions), dtype=bool)
