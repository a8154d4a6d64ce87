"""Holdouts: train on what came before, forecast each held-out session one step ahead, judge beside naive."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from stockrnn import baselines
from stockrnn.errors import HoldoutError, NotEnoughHistoryError
from stockrnn.metrics import compute_metrics
from stockrnn.types import Span

Predict = Callable[[np.ndarray], np.ndarray]
"""Windows of prices, shape (N, lookback, 1), to forecast prices, shape (N,)."""

Fit = Callable[[np.ndarray], Predict]
"""Training prices, oldest first, shape (T,), to a `Predict` that has seen nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A series cut at a holdout.

    Attributes
    ----------
    training
        The target's values that a model may be fitted on, index `session`.
    inputs
        The `lookback` values before the holdout, then the holdout's own: what the forecasts are issued from and
        judged by, index `session`.
    holdout
        How many of `inputs` are the holdout's.
    """

    training: pd.Series
    inputs: pd.Series
    holdout: int

    @property
    def cutoff(self) -> date:
        """The last session that a model may know."""
        return _day(self.training, -1)

    @property
    def sessions(self) -> Span:
        """The first and the last held-out session."""
        return Span(_day(self.inputs, -self.holdout), _day(self.inputs, -1))


def split_holdout(
    values: pd.Series,
    holdout: Span,
    *,
    ticker: str,
    lookback: int,
    train_from: date | None = None,
    train_sessions: int | None = None,
) -> Split:
    """Cut `values` at the first session of `holdout`.

    Parameters
    ----------
    values
        The target, index `session`, ascending, no NaN.
    train_from, train_sessions
        Where training begins: a date, else so many sessions before the holdout, else the first session.

    Raises
    ------
    HoldoutError
        No session is stored in the holdout, or none before it.
    NotEnoughHistoryError
        Fewer than `lookback` + 1 training sessions.
    """
    first, last = pd.Timestamp(holdout.first), pd.Timestamp(holdout.last)
    held_out = values[first:last]
    before = values[values.index < first]
    _require_sessions(values, held_out, before, holdout, ticker=ticker)
    training = before if train_from is None else before[pd.Timestamp(train_from) :]
    if train_from is None and train_sessions is not None:
        training = training.iloc[-train_sessions:]
    if len(training) < lookback + 1:
        raise NotEnoughHistoryError(ticker, found=len(training), needed=lookback + 1, through=_day(before, -1))
    return Split(training=training, inputs=pd.concat([before.iloc[-lookback:], held_out]), holdout=len(held_out))


def _require_sessions(
    values: pd.Series, held_out: pd.Series, before: pd.Series, holdout: Span, *, ticker: str
) -> None:
    stored = f"stored are {_day(values, 0)} to {_day(values, -1)}"
    if held_out.empty:
        raise HoldoutError(f"{ticker}: the holdout {holdout} has no stored session; {stored}: choose a month inside")
    if before.empty:
        raise HoldoutError(
            f"{ticker}: no session before the holdout {holdout} to train on; {stored}: choose a later month"
        )


def run_holdout(split: Split, close: pd.Series, *, lookback: int, fit: Fit) -> pd.DataFrame:
    """Fit on the training part, then forecast each held-out session from the actual values before it.

    Parameters
    ----------
    close
        The closes of at least the sessions of `split.inputs`, index `session`.

    Returns
    -------
    DataFrame
        Index `session`, columns `actual`, `predicted`, `naive`, `last_close`, in quote currency.
    """
    predict = fit(split.training.to_numpy(dtype=np.float64))
    values = split.inputs.to_numpy(dtype=np.float64)
    windows = np.stack([values[i - lookback : i] for i in range(lookback, len(values))])
    table = pd.DataFrame(
        {
            "actual": split.inputs,
            "naive": baselines.naive(split.inputs),
            "last_close": baselines.last_close(close.reindex(split.inputs.index)),
        }
    ).iloc[-split.holdout :]
    table.insert(1, "predicted", predict(windows[:, :, np.newaxis]))
    return table.rename_axis("session")


def judge(forecasts: pd.DataFrame, *, spec: str) -> dict[str, dict[str, float]]:
    """Return the metrics of the spec, of naive and of last_close on the table of `run_holdout`."""
    columns = {spec: "predicted", "naive": "naive", "last_close": "last_close"}
    return compute_metrics(
        forecasts["actual"].to_numpy(),
        {model: forecasts[column].to_numpy() for model, column in columns.items()},
    )


def _day(values: pd.Series, position: int) -> date:
    return pd.DatetimeIndex(values.index)[position].date()
