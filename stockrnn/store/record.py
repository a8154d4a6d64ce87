"""Read the errors of many forecasts at once: those of the ledger, and those of backtests."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, func, select

from stockrnn.store.schema import backtest_forecasts, backtests, forecasts, instruments, scores
from stockrnn.store.scores import read_missed_sessions
from stockrnn.types import BASELINES, ERROR_COLUMNS, OUTCOME_COLUMNS, LiveRecord, Target


def read_live_record(
    connection: Connection, *, ticker: str, target: Target, spec: str, through: date, newest: int | None = None
) -> LiveRecord:
    """Return what became of the live forecasts of sessions up to `through`, and the nights missed.

    Parameters
    ----------
    newest
        The number of scored forecasts to return, the newest ones; None: all. All missed nights are returned.
    """
    query = _live(target, through).where(forecasts.c.ticker == ticker, forecasts.c.spec == spec)
    if newest is not None:
        query = query.order_by(None).order_by(forecasts.c.target_session.desc()).limit(newest)
    missed = read_missed_sessions(connection, ticker=ticker, target=target, spec=spec)
    errors = _frame(connection, query, [*ERROR_COLUMNS, *OUTCOME_COLUMNS])
    return LiveRecord(
        ticker=ticker,
        target=target,
        spec=spec,
        errors=errors.sort_values("session", ignore_index=True),
        missed=tuple(sorted(session for session in missed if session <= through)),
    )


def read_live_errors(connection: Connection, *, target: Target, through: date, simulated: bool) -> pd.DataFrame:
    """Return the errors of all live forecasts that were scored, by the last score of each.

    Parameters
    ----------
    simulated
        Whether to read the tickers of the simulated market or the real ones: the two are never pooled.

    Returns
    -------
    DataFrame
        Columns `ERROR_COLUMNS`, ordered by session, ticker and spec.
    """
    query = _live(target, through).where(_is_of_market(forecasts.c.ticker, simulated=simulated))
    return _frame(connection, query, ERROR_COLUMNS)


def read_tested_errors(connection: Connection, *, target: Target, through: date, simulated: bool) -> pd.DataFrame:
    """Return the errors of all backtests; of a session that several forecast, by the last one made.

    Parameters and columns are those of `read_live_errors`.
    """
    actual = backtest_forecasts.c.actual
    query = (
        select(
            backtests.c.ticker,
            backtests.c.spec,
            backtest_forecasts.c.target_session.label("session"),
            backtest_forecasts.c.last_close.label("scale"),
            *((backtest_forecasts.c[name] - actual).label(name) for name in ("predicted", *BASELINES)),
        )
        .join(backtests)
        .where(
            backtests.c.target == target,
            backtest_forecasts.c.target_session <= through,
            _is_of_market(backtests.c.ticker, simulated=simulated),
        )
        .order_by(
            backtest_forecasts.c.target_session,
            backtests.c.ticker,
            backtests.c.spec,
            backtests.c.created_at,
            backtests.c.backtest_id,
        )
    )
    return _frame(connection, query, ERROR_COLUMNS).drop_duplicates(["ticker", "spec", "session"], keep="last")


def _live(target: Target, through: date) -> Select[Any]:
    other = scores.alias()
    last = select(func.max(other.c.scored_at)).where(other.c.forecast_id == scores.c.forecast_id).scalar_subquery()
    return (
        select(
            forecasts.c.ticker,
            forecasts.c.spec,
            forecasts.c.target_session.label("session"),
            (forecasts.c.last_close * scores.c.basis).label("scale"),
            scores.c.error.label("predicted"),
            *(scores.c[f"{name}_error"].label(name) for name in BASELINES),
            *(scores.c[name] for name in OUTCOME_COLUMNS),
        )
        .join(scores, scores.c.forecast_id == forecasts.c.forecast_id)
        .where(
            scores.c.scored_at == last,
            forecasts.c.target == target,
            forecasts.c.kind == "live",
            forecasts.c.target_session <= through,
        )
        .order_by(forecasts.c.target_session, forecasts.c.ticker, forecasts.c.spec)
    )


def _is_of_market(ticker: ColumnElement[str], *, simulated: bool) -> ColumnElement[bool]:
    market = "simulated" if simulated else "real"
    return ticker.in_(select(instruments.c.ticker).where(instruments.c.market == market))


def _frame(connection: Connection, query: Select[Any], columns: Sequence[str]) -> pd.DataFrame:
    rows = [tuple(row) for row in connection.execute(query.with_only_columns(*_chosen(query, columns)))]
    frame = pd.DataFrame(rows, columns=list(columns))
    frame["session"] = pd.to_datetime(frame["session"])
    return frame.astype({name: "float64" for name in columns if name not in {"ticker", "spec", "session"}})


def _chosen(query: Select[Any], columns: Sequence[str]) -> list[ColumnElement[Any]]:
    return [column for column in query.selected_columns if column.name in columns]
