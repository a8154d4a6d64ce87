"""Holdouts: train on the sessions before, forecast each held-out session one step ahead, score it beside naive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from stockrnn.errors import HoldoutError, NotEnoughHistoryError
from stockrnn.evaluation import baselines
from stockrnn.evaluation.benchmarks import benchmarks_for, direction_reference
from stockrnn.evaluation.intervals import LEVELS, QUANTILES, add_intervals, rolling_volatility
from stockrnn.evaluation.metrics import compute_metrics, coverage, interval_score, pinball, pinball_losses
from stockrnn.evaluation.significance import Comparison, diebold_mariano, wilson_interval
from stockrnn.evaluation.verdicts import Verdict, decide_verdict, judge
from stockrnn.types import BASELINES, INTERVAL_COLUMNS, VOLATILITY_BENCHMARKS, Span, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A series cut at a holdout.

    Attributes
    ----------
    training
        The target's values that a model may be fitted on, index `session`.
    inputs
        The `lookback` values before the holdout, then the holdout's own: what the forecasts are issued from and
        scored by, index `session`.
    known
        All values up to the holdout's last one: what the baselines and the volatility are computed from.
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
        Where training begins: at a date, else that number of sessions before the holdout, else at the first session.

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


def compare_with_baselines(split: Split, close: pd.Series, predictions: pd.DataFrame) -> pd.DataFrame:
    """Join a model's forecasts of the holdout with the actual values and the baselines.

    Parameters
    ----------
    close
        The closes of at least the sessions of `split.known`, index `session`.
    predictions
        The model's forecasts, index `session`, all of the holdout; `predicted`, and `INTERVAL_COLUMNS` where the
        model names intervals.

    Returns
    -------
    DataFrame
        Index `session`, columns `BACKTEST_COLUMNS`; where the model names no intervals, each session's are computed
        from the errors of the sessions before it.
    """
    held_out = split.held_out
    baseline_values = baselines.make_baselines(split.known, close.reindex(split.known.index)).loc[held_out]
    table = pd.DataFrame(
        {
            "actual": split.inputs.loc[held_out],
            "predicted": predictions["predicted"].reindex(held_out),
            **baseline_values,
            "volatility": rolling_volatility(split.known).loc[held_out],
        }
    ).rename_axis("session")
    if INTERVAL_COLUMNS[0] in predictions:
        return table.join(predictions[list(INTERVAL_COLUMNS)])
    return add_intervals(table)


def compute_scores(
    forecasts: pd.DataFrame, *, spec: str, target: Target, others: Mapping[str, pd.DataFrame] | None = None
) -> dict[str, dict[str, float]]:
    """Return the metrics of the spec and of each baseline on the table of `compare_with_baselines`.

    Parameters
    ----------
    others
        The forecasts of further models: one table per model, of the same sessions, with `predicted` and
        `INTERVAL_COLUMNS`.

    Returns
    -------
    dict
        `[model][metric]`: those of `compute_metrics`; `dm_p_value`, of the absolute error against naive's; how many
        sessions `directional_accuracy` is a share of, and its 95 % interval; and for the spec and the others, over
        the sessions that have intervals, `coverage_80`, `coverage_95`, each with its own 95 % interval,
        `interval_score_80`, and `pinball` with its number of sessions. Of the others also `pinball_p_value`, of the
        spec's pinball loss against theirs.
    """
    columns = {spec: "predicted", **{name: name for name in BASELINES if name in forecasts}}
    scores = _score_prices(forecasts, columns, target=target)
    for name, other in (others or {}).items():
        columns_of = ["predicted", *INTERVAL_COLUMNS]
        table = forecasts.assign(**{column: other[column].reindex(forecasts.index) for column in columns_of})
        scores[name] = compute_scores(table.dropna(subset=columns_of), spec=name, target=target)[name]
        scores[name]["pinball_p_value"] = _compare_pinball(forecasts, table).p_value
    return scores | {spec: scores[spec] | _score_intervals(forecasts)}


def _score_prices(
    forecasts: pd.DataFrame, columns: Mapping[str, str], *, target: Target
) -> dict[str, dict[str, float]]:
    """Return the metrics that need no interval; `columns`: model -> its column of `forecasts`."""
    values = {model: forecasts[column].to_numpy() for model, column in columns.items()}
    reference = forecasts[direction_reference(target)].to_numpy()
    scores = compute_metrics(forecasts["actual"].to_numpy(), values, reference=reference)
    naive_errors = absolute_errors(forecasts, "naive")
    for model, column in columns.items():
        scores[model]["dm_p_value"] = diebold_mariano(absolute_errors(forecasts, column), naive_errors).p_value
        count = count_directions(forecasts, column, target=target)
        scores[model] |= _with_interval("directional_accuracy", scores[model]["directional_accuracy"], count)
    return scores


def absolute_errors(forecasts: pd.DataFrame, column: str) -> np.ndarray:
    """Return |forecast - actual| of a column, in quote currency, shape (N,)."""
    return (forecasts[column] - forecasts["actual"]).abs().to_numpy(dtype=np.float64)


def find_verdict(forecasts: pd.DataFrame, *, target: Target) -> Verdict:
    """Compare the forecasts with the benchmarks of their target."""
    known = forecasts[forecasts["predicted"].notna()]
    benchmarks = {name: absolute_errors(known, name) for name in benchmarks_for(target)}
    return decide_verdict(absolute_errors(known, "predicted"), benchmarks)


def find_interval_verdict(metrics: Mapping[str, Mapping[str, float]], *, spec: str) -> Verdict | None:
    """Compare a spec's pinball loss with those of the volatility benchmarks that stand beside it.

    Parameters
    ----------
    metrics
        Those of `compute_scores`, fresh or as they are stored.

    Returns
    -------
    Verdict or None
        None where no benchmark was scored on all sessions of the spec.
    """
    known = metrics[spec]
    sessions = known.get("pinball_sessions", 0)
    others = {name: metrics[name] for name in VOLATILITY_BENCHMARKS if name in metrics}
    compared = {
        name: Comparison(
            n=int(sessions), difference=known["pinball"] - other["pinball"], p_value=other["pinball_p_value"]
        )
        for name, other in others.items()
        if sessions and other.get("pinball_sessions") == sessions
    }
    return judge(compared, sessions=int(sessions)) if compared else None


def _compare_pinball(forecasts: pd.DataFrame, other: pd.DataFrame) -> Comparison:
    """Compare the pinball losses of two tables of the same sessions, where both have all quantiles."""
    tables = [table.reindex(columns=["actual", *QUANTILES.values()]) for table in (forecasts, other)]
    rows = tables[0].notna().all(axis=1) & tables[1].notna().all(axis=1)
    actual = forecasts["actual"][rows].to_numpy()
    losses = [
        pinball_losses(actual, {level: table[column][rows].to_numpy() for level, column in QUANTILES.items()})
        for table in tables
    ]
    return diebold_mariano(*losses)


def count_directions(forecasts: pd.DataFrame, column: str, *, target: Target) -> int:
    """Count the sessions of `directional_accuracy`: those in which the price moved and `column` named a direction."""
    reference = forecasts[direction_reference(target)]
    return int(((forecasts["actual"] != reference) & (forecasts[column] != reference)).sum())


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
