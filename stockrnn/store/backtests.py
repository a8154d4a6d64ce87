"""Read and write backtests with their forecasts and metrics."""

import math
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, RowMapping, select

from stockrnn.store.order import date_write
from stockrnn.store.schema import backtest_forecasts, backtest_metrics, backtests
from stockrnn.store.upsert import insert_missing
from stockrnn.types import BACKTEST_COLUMNS, Backtest, Span, Target

_PLAIN = (
    "backtest_id",
    "ticker",
    "spec",
    "target",
    "trained_from",
    "cutoff",
    "seed",
    "epochs",
    "training_sessions",
    "windows",
    "losses",
    "parameters",
    "train_seconds",
    "folds",
    "verdict",
    "created_at",
)


def write_backtest(connection: Connection, backtest: Backtest) -> Backtest:
    """Store a backtest unless one of the same backtest_id stands, with all its rows; return the one that stands."""
    key = {"backtest_id": backtest.backtest_id}
    standing = read_backtest(connection, backtest.backtest_id)
    if standing is not None:
        return standing  # else rows of the new one could be added to the old one's
    about = {"ticker": backtest.ticker, "target": backtest.target, "spec": backtest.spec}
    backtest = replace(backtest, created_at=date_write(connection, backtest.created_at, **about))
    row = {name: getattr(backtest, name) for name in _PLAIN} | {
        "holdout_from": backtest.holdout.first,
        "holdout_through": backtest.holdout.last,
        "sessions": len(backtest.forecasts),
    }
    insert_missing(connection, backtests, [row])
    insert_missing(connection, backtest_forecasts, [key | row for row in _to_rows(backtest.forecasts)])
    metrics = [
        {**key, "model": model, "metric": metric, "value": None if math.isnan(value) else value}
        for model, values in backtest.metrics.items()
        for metric, value in values.items()
    ]
    insert_missing(connection, backtest_metrics, metrics)
    return backtest


def read_backtest(connection: Connection, backtest_id: str) -> Backtest | None:
    """Return a backtest, None where there is none of that name."""
    query = select(backtests).where(backtests.c.backtest_id == backtest_id)
    row = connection.execute(query).mappings().one_or_none()
    return _assemble(connection, row) if row else None


def read_latest_backtest(
    connection: Connection, *, ticker: str, target: Target, spec: str, through: date
) -> Backtest | None:
    """Return the backtest of one fold, of the latest holdout that knows no session after `through`.

    Of equals the last computed; None where there is none.
    """
    later = select(backtest_forecasts.c.backtest_id).where(backtest_forecasts.c.target_session > through)
    query = (
        select(backtests)
        .where(
            backtests.c.ticker == ticker,
            backtests.c.target == target,
            backtests.c.spec == spec,
            backtests.c.folds == 1,
            backtests.c.backtest_id.not_in(later),
        )
        .order_by(backtests.c.holdout_through.desc(), backtests.c.created_at.desc(), backtests.c.backtest_id)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return _assemble(connection, row) if row else None


def _assemble(connection: Connection, row: RowMapping) -> Backtest:
    backtest_id = row["backtest_id"]
    return Backtest(
        **{name: row[name] for name in _PLAIN},
        holdout=Span(row["holdout_from"], row["holdout_through"]),
        forecasts=_read_table(connection, backtest_id),
        metrics=_read_metrics(connection, backtest_id),
    )


def _read_table(connection: Connection, backtest_id: str) -> pd.DataFrame:
    columns = (backtest_forecasts.c.target_session, *(backtest_forecasts.c[name] for name in BACKTEST_COLUMNS))
    query = select(*columns).where(backtest_forecasts.c.backtest_id == backtest_id)
    rows = connection.execute(query.order_by(backtest_forecasts.c.target_session)).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["session", *BACKTEST_COLUMNS])
    frame["session"] = pd.to_datetime(frame["session"])
    return frame.set_index("session").astype(np.float64)


def _read_metrics(connection: Connection, backtest_id: str) -> dict[str, dict[str, float]]:
    query = select(backtest_metrics).where(backtest_metrics.c.backtest_id == backtest_id)
    metrics: dict[str, dict[str, Any]] = {}
    for row in connection.execute(query).mappings():
        value = math.nan if row["value"] is None else row["value"]
        metrics.setdefault(row["model"], {})[row["metric"]] = value
    return metrics


def _to_rows(forecasts: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn forecasts into rows; what is not known becomes NULL."""
    columns = forecasts.reindex(columns=list(BACKTEST_COLUMNS)).astype(object)
    values = columns.where(columns.notna(), None).to_numpy().tolist()
    days = pd.DatetimeIndex(forecasts.index).date
    return [
        {"target_session": day, **dict(zip(BACKTEST_COLUMNS, row, strict=True))}
        for day, row in zip(days, values, strict=True)
    ]
