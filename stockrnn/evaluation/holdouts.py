"""Holdouts: train on what came before, forecast each held-out session one step ahead, score them beside naive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from stockrnn.errors import HoldoutError, NotEnoughHistoryError
from stockrnn.evaluation import baselines
from stockrnn.evaluation.benchmarks import benchmarks_for
from stockrnn.evaluation.intervals import LEVELS, QUANTILES, add_intervals, rolling_volatility
from stockrnn.evaluation.metrics import compute_metrics, coverage, directional_accuracy, interval_score, pinball
from stockrnn.evaluation.significance import diebold_mariano, wilson_interval
from stockrnn.evaluation.verdicts import Verdict, decide_verdict
from stockrnn.types import BASELINES, INTERVAL_COLUMNS, Span, Target


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
    known
        All values up to the holdout's last one: what the baselines and the volatility are made of.
    holdout
        How many of `inputs` are the holdout's.
    """

    training: pd.Series
    inputs: pd.Series
    known: pd.Series
    holdout: int

    @property
    def cutoff(self) -> date:
        """The last session that a model may know."""
        return _day(self.training, -1)

    @property
    def held_out(self) -> pd.DatetimeIndex:
        """The sessions of the holdout."""
        return pd.DatetimeIndex(self.inputs.index[-self.holdout :], name="session")

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
    return Split(
        training=training,
        inputs=pd.concat([before.iloc[-lookback:], held_out]),
        known=pd.concat([before, held_out]),
        holdout=len(held_out),
    )


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


def compare_with_baselines(split: Split, close: pd.Series, said: pd.DataFrame) -> pd.DataFrame:
    """Set what a model said of the holdout beside what came and what the baselines said.

    Parameters
    ----------
    close
        The closes of at least the sessions of `split.known`, index `session`.
    said
        Index `session`, all of the holdout; `predicted`, and `INTERVAL_COLUMNS` where the model names some.

    Returns
    -------
    DataFrame
        Index `session`, columns `BACKTEST_COLUMNS`; intervals that the model did not name rest on the errors of the
        sessions before each.
    """
    held_out = split.held_out
    beside = baselines.make_baselines(split.known, close.reindex(split.known.index)).loc[held_out]
    table = pd.DataFrame(
        {
            "actual": split.inputs.loc[held_out],
            "predicted": said["predicted"].reindex(held_out),
            **beside,
            "volatility": rolling_volatility(split.known).loc[held_out],
        }
    ).rename_axis("session")
    if INTERVAL_COLUMNS[0] in said:
        return table.join(said[list(INTERVAL_COLUMNS)])
    return add_intervals(table)


def compute_scores(
    forecasts: pd.DataFrame, *, spec: str, others: Mapping[str, pd.DataFrame] | None = None
) -> dict[str, dict[str, float]]:
    """Return the metrics of the spec and of each baseline on the table of `compare_with_baselines`.

    `others` are further models, a table of the same sessions each, with `predicted` and `INTERVAL_COLUMNS`.

    Besides those of `compute_metrics`: `dm_p_value`, of the absolute error against naive's; how many sessions
    `directional_accuracy` is a share of, and its 95 % interval; and for the spec, over the sessions that have
    intervals, `coverage_80`, `coverage_95`, each with its own 95 % interval, `interval_score_80`,
    and `pinball` with its number of sessions.
    """
    actual = forecasts["actual"].to_numpy()
    columns = {spec: "predicted", **{name: name for name in BASELINES if name in forecasts}}
    judged = compute_metrics(actual, {model: forecasts[column].to_numpy() for model, column in columns.items()})
    misses = {model: absolute_errors(forecasts, column) for model, column in columns.items()}
    for model, column in columns.items():
        judged[model]["dm_p_value"] = diebold_mariano(misses[model], misses["naive"]).p_value
        judged[model] |= _score_directions(forecasts, column)
    for name, said in (others or {}).items():
        columns_of = ["predicted", *INTERVAL_COLUMNS]
        table = forecasts.assign(**{column: said[column].reindex(forecasts.index) for column in columns_of})
        judged[name] = compute_scores(table.dropna(subset=columns_of), spec=name)[name]
    return judged | {spec: judged[spec] | _score_intervals(forecasts)}


def absolute_errors(forecasts: pd.DataFrame, column: str) -> np.ndarray:
    """Return |forecast - actual| of a column, in quote currency, shape (N,)."""
    return (forecasts[column] - forecasts["actual"]).abs().to_numpy(dtype=np.float64)


def find_verdict(forecasts: pd.DataFrame, *, target: Target) -> Verdict:
    """Judge the forecasts beside the better of naive and the last close."""
    known = forecasts[forecasts["predicted"].notna()]
    beside = {name: absolute_errors(known, name) for name in benchmarks_for(target)}
    return decide_verdict(absolute_errors(known, "predicted"), beside)


def _score_directions(forecasts: pd.DataFrame, column: str) -> dict[str, float]:
    counted = (forecasts["actual"] != forecasts["naive"]) & (forecasts[column] != forecasts["naive"])
    known = forecasts[counted]
    reference = known["naive"].to_numpy()
    share = directional_accuracy(known["actual"].to_numpy(), known[column].to_numpy(), reference)
    return _with_interval("directional_accuracy", share, len(known))


def _with_interval(name: str, share: float, sessions: int) -> dict[str, float]:
    lower, upper = wilson_interval(round(share * sessions) if sessions else 0, sessions)
    return {name: share, f"{name}_sessions": sessions, f"{name}_lower": lower, f"{name}_upper": upper}


def _score_intervals(forecasts: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    for level in LEVELS:
        lower, upper = f"lower_{level}", f"upper_{level}"
        known = forecasts.dropna(subset=[lower, upper]) if lower in forecasts else forecasts.iloc[:0]
        if known.empty:
            continue
        actual, bounds = known["actual"].to_numpy(), (known[lower].to_numpy(), known[upper].to_numpy())
        found |= _with_interval(f"coverage_{level}", coverage(actual, *bounds), len(known))
        if level == LEVELS[0]:
            found[f"interval_score_{level}"] = interval_score(actual, *bounds, level=level / 100)
    complete = forecasts.dropna(subset=[*QUANTILES.values()]) if found else forecasts.iloc[:0]
    if len(complete):
        quantiles = {level: complete[column].to_numpy() for level, column in QUANTILES.items()}
        found["pinball"] = pinball(complete["actual"].to_numpy(), quantiles)
        found["pinball_sessions"] = len(complete)
    return found


def _day(values: pd.Series, position: int) -> date:
    return pd.DatetimeIndex(values.index)[position].date()
