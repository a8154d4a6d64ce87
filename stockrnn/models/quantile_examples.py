"""The examples that a quantile network learns from: windows of many tickers, and what came after each."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stockrnn.errors import HoldoutError
from stockrnn.models.features import make_inputs, measure, whole_windows
from stockrnn.models.median_regression import MedianRegression
from stockrnn.models.own_regression import own_medians, stands_out
from stockrnn.networks import Examples, make_examples
from stockrnn.types import Target

_MIN_DAYS = 1.0
_VALIDATION_SHARE = 0.2


def count_days_ahead(sessions: pd.Index, *, last: float = _MIN_DAYS) -> pd.Series:
    """Return the calendar days from each known session to the next, `last` for the newest one."""
    days = np.diff(sessions.to_numpy()).astype("timedelta64[D]").astype(np.float64)
    return pd.Series([*days, last][: len(sessions)], index=sessions)


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
        A regression to keep; None: it is fitted on the training examples, without those of tickers whose own past
        foretells them, unless there are no others.

    Raises
    ------
    HoldoutError
        No window is left before the validation sessions, or none in them.
    """
    measured = [measure(known, target=target) for known in bars.values()]
    chosen = _choose_rows(measured, seed=seed, lookback=lookback, max_windows=max_windows)
    sessions = np.concatenate([known.index[rows].to_numpy() for known, rows in zip(measured, chosen, strict=True)])
    held_back = _hold_back(sessions, max_sessions=validation_sessions)
    if held_back.all() or not held_back.any():
        count = len(sessions)
        raise HoldoutError(f"{count} windows of {len(bars)} tickers are too few to train on; store a longer history")
    if median is None:
        median = _fit_median(measured, chosen, before=sessions[held_back].min())
    parts = [_make_examples(known, median, rows, lookback) for known, rows in zip(measured, chosen, strict=True)]
    x, context, y = (np.concatenate(column) for column in zip(*((e.x, e.context, e.y) for e in parts), strict=True))
    training, validation = (Examples(x=x[rows], context=context[rows], y=y[rows]) for rows in (~held_back, held_back))
    return median, training, validation


def make_examples_of(bars: pd.DataFrame, median: MedianRegression, *, lookback: int, target: Target) -> Examples:
    """Return the windows of one ticker that have a value after them, and what the regression leaves of it."""
    measured = measure(bars, target=target)
    return _make_examples(measured, median, _answered(measured, lookback=lookback), lookback)


def predict_medians(measured: pd.DataFrame, median: MedianRegression, rows: np.ndarray) -> np.ndarray:
    """Return the medians of the moves after these rows, in units of `scale`: of all tickers, and of this one's own.

    measured, rows: as for `own_regression.own_medians`.
    """
    common = median.predict(measured["last_return"].to_numpy()[rows])
    return np.asarray(common + own_medians(measured, median, rows))


def _make_examples(measured: pd.DataFrame, median: MedianRegression, rows: np.ndarray, lookback: int) -> Examples:
    inputs = make_inputs(measured, count_days_ahead(measured.index), lookback=lookback, rows=rows)
    rest = measured["answer"].to_numpy()[rows] - predict_medians(measured, median, rows)
    return make_examples(inputs.x, rest, context=inputs.context)


def _answered(measured: pd.DataFrame, *, lookback: int) -> np.ndarray:
    """Return the rows with a whole window and a value after them."""
    rows = whole_windows(len(measured), lookback=lookback)
    return np.asarray(rows[np.isfinite(measured["answer"].to_numpy()[rows])])


def _choose_rows(
    measured: Sequence[pd.DataFrame], *, seed: int, lookback: int, max_windows: int
) -> Sequence[np.ndarray]:
    """Return rows of each ticker: at most `max_windows` in all, drawn evenly."""
    rng = np.random.default_rng(seed)
    share = max(max_windows // len(measured), 1)
    chosen = []
    for known in measured:
        rows = _answered(known, lookback=lookback)
        chosen.append(np.sort(rng.choice(rows, share, replace=False)) if len(rows) > share else rows)
    return chosen


def _fit_median(
    measured: Sequence[pd.DataFrame], chosen: Sequence[np.ndarray], *, before: np.datetime64
) -> MedianRegression:
    """Fit the line of all tickers on the rows before a session."""
    pairs = [
        (known, rows[known.index[rows] < before], stands_out(known.loc[known.index < before]))
        for known, rows in zip(measured, chosen, strict=True)
    ]
    alike = [pair for pair in pairs if not pair[2]] if any(len(rows) and not own for _, rows, own in pairs) else pairs
    columns = [(known["last_return"].to_numpy()[rows], known["answer"].to_numpy()[rows]) for known, rows, _ in alike]
    last, answers = (np.concatenate(column) for column in zip(*columns, strict=True))
    return MedianRegression.fit(last, answers)


def _hold_back(sessions: np.ndarray, *, max_sessions: int) -> np.ndarray:
    """Return which windows say when to stop: of the newest sessions, at most a fifth of all."""
    known = np.unique(sessions)
    count = min(max_sessions, int(len(known) * _VALIDATION_SHARE))
    return sessions >= known[-count] if count else np.zeros(len(sessions), dtype=bool)
