"""Rank models over many sessions and tickers, each beside the baselines of the same sessions.

Errors are taken relative to the last close when each forecast was issued, so that tickers can be pooled and splits
change nothing; tickers of one session are one cluster, because they move together.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stockrnn.evaluation.benchmarks import baselines_for, benchmarks_for
from stockrnn.evaluation.significance import relative_loss
from stockrnn.evaluation.verdicts import Verdict, decide_verdict
from stockrnn.types import BASELINES, ERROR_COLUMNS, Backtest, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one model compares with naive, over all tickers.

    Attributes
    ----------
    model
        The spec, or a baseline.
    sessions, forecasts
        How many dates and how many forecasts it was measured on.
    mae
        Its mean absolute error over the scale of the errors: a share of the last close, 0 is perfect.
    relative_mae, low, high
        Its mean absolute error over naive's on the same forecasts, below 1 is better than naive, with the 95 %
        confidence interval; NaN where unknown.
    verdict
        None for naive itself.
    by_ticker
        The relative MAE of each ticker.
    """

    model: str
    baseline: bool
    sessions: int
    forecasts: int
    mae: float
    relative_mae: float
    low: float
    high: float
    verdict: Verdict | None
    by_ticker: Mapping[str, float]


def find_errors(backtest: Backtest) -> pd.DataFrame:
    """Return the errors of a backtest, columns `ERROR_COLUMNS`, one row per session."""
    table = backtest.forecasts
    errors = table[["predicted", *BASELINES]].sub(table["actual"], axis=0)
    errors = errors.assign(ticker=backtest.ticker, spec=backtest.spec, scale=table["last_close"])
    return errors.rename_axis("session").reset_index()[list(ERROR_COLUMNS)]


def compare_with_benchmarks(errors: pd.DataFrame, *, target: Target) -> Verdict:
    """Compare the forecasts of a table with the benchmarks of their target, all tickers together.

    Parameters
    ----------
    errors
        Columns `ERROR_COLUMNS`.
    """
    known = errors[errors["predicted"].notna()]
    benchmarks = {name: _losses(known, name) for name in benchmarks_for(target)}
    return decide_verdict(_losses(known, "predicted"), benchmarks, clusters=known["session"].to_numpy())


def rank_models(errors: pd.DataFrame, *, target: Target) -> tuple[Standing, ...]:
    """Rank every spec and the baselines of the target, the best first; see `place_models`."""
    places = place_models(errors, target=target, specs=sorted(set(errors["spec"])), baselines=baselines_for(target))
    return tuple(sorted(places, key=lambda place: (np.isnan(place.relative_mae), place.relative_mae, place.model)))


def place_models(
    errors: pd.DataFrame, *, target: Target, specs: Sequence[str], baselines: Sequence[str]
) -> tuple[Standing, ...]:
    """Measure specs, then baselines, in the order given; those without any error are left out.

    A spec is measured on its own forecasts, a baseline on all sessions that any spec was measured on.

    Parameters
    ----------
    errors
        Columns `ERROR_COLUMNS`, one row per ticker, spec and session.
    """
    tables = {spec: errors[errors["spec"] == spec] for spec in specs}
    places = [_place(rows, "predicted", name=spec, target=target) for spec, rows in tables.items() if len(rows)]
    # specs share the sessions and with them the baselines' errors
    once = errors.drop_duplicates(["ticker", "session"])
    shown = [name for name in baselines if once[name].notna().any()]
    return (*places, *(_place(once, name, name=name, target=target) for name in shown))


def _place(rows: pd.DataFrame, column: str, *, name: str, target: Target) -> Standing:
    known = rows[rows[column].notna()]
    ratio, low, high = _relative(known, column)
    baseline = column != "predicted"
    return Standing(
        model=name,
        baseline=baseline,
        sessions=known["session"].nunique(),
        forecasts=len(known),
        mae=float(np.mean(_losses(known, column))) if len(known) else math.nan,
        relative_mae=ratio,
        low=low,
        high=high,
        verdict=None if baseline else compare_with_benchmarks(known, target=target),
        by_ticker={str(ticker): _relative(part, column)[0] for ticker, part in known.groupby("ticker", sort=True)},
    )


def _relative(rows: pd.DataFrame, column: str) -> tuple[float, float, float]:
    return relative_loss(_losses(rows, column), _losses(rows, "naive"), clusters=rows["session"].to_numpy())


def _losses(rows: pd.DataFrame, column: str) -> np.ndarray:
    """Return |error| over the last close, shape (N,)."""
    return (rows[column].abs() / rows["scale"]).to_numpy(dtype=np.float64)
