"""Read what can be scored, write scores beside the earlier ones, and note the nights that were missed."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, func, select, text

from stockrnn.store.schema import backtest_forecasts, backtests, forecasts, missed_nights, prices, runs, scores
from stockrnn.store.upsert import insert_missing
from stockrnn.types import MissedNight, Score, Target

_TO_SCORE = """
    select judged.*, standing.scored_at as last_scored_at
    from forecast_vs_actual as judged
    left join scores as standing
        on judged.forecast_id = standing.forecast_id
        and standing.scored_at = (
            select max(other.scored_at) from scores as other where other.forecast_id = judged.forecast_id
        )
    where judged.ticker = :ticker and judged.target_session <= :through
        and (standing.forecast_id is null or standing.actual <> judged.actual or standing.basis <> judged.basis)
    order by judged.target_session, judged.forecast_id
"""
_ERRORS = ("actual", "predicted", "last_close", "volatility")


def read_to_score(connection: Connection, ticker: str, *, through: date) -> Sequence[Row[Any]]:
    """Return the rows of `forecast_vs_actual` that have no score yet, or one of another price or basis."""
    query = text(_TO_SCORE).columns(last_scored_at=scores.c.scored_at.type)
    return connection.execute(query, {"ticker": ticker, "through": through}).all()


def write_scores(connection: Connection, rows: Sequence[Score]) -> None:
    """Add scores; earlier ones of the same forecasts stay beside them."""
    if rows:
        connection.execute(scores.insert(), [asdict(row) for row in rows])


def read_past_errors(
    connection: Connection, *, ticker: str, target: Target, spec: str, cutoff: date, known_at: datetime
) -> pd.DataFrame:
    """Return what is known of a spec's errors on sessions that its models were not trained on.

    From scored forecasts, and for sessions without one from backtests; one row per session.

    Parameters
    ----------
    cutoff, known_at
        The last session, and the latest time at which a score or a backtest was stored.

    Returns
    -------
    DataFrame
        Index `session`, ascending; columns `actual`, `predicted`, `last_close`, `volatility`, no NaN.
    """
    key = {"ticker": ticker, "target": target, "spec": spec}
    tested = (
        select(
            backtest_forecasts.c.target_session,
            *(backtest_forecasts.c[name] for name in _ERRORS),
        )
        .join(backtests)
        .filter_by(**key)
        .where(backtest_forecasts.c.target_session <= cutoff, backtests.c.created_at <= known_at)
        .order_by(backtests.c.created_at, backtests.c.backtest_id)
    )
    other = scores.alias()
    # of each forecast the last score known; by the key, so that a long ledger costs no more than the ticker's part
    last = (
        select(func.max(other.c.scored_at))
        .where(other.c.forecast_id == scores.c.forecast_id, other.c.scored_at <= known_at)
        .scalar_subquery()
    )
    issued = (
        select(
            forecasts.c.target_session,
            scores.c.actual,
            (scores.c.actual + scores.c.error).label("predicted"),
            (forecasts.c.last_close * scores.c.basis).label("last_close"),
            forecasts.c.volatility,
        )
        .join(scores, scores.c.forecast_id == forecasts.c.forecast_id)
        .where(
            scores.c.scored_at == last,
            forecasts.c.ticker == ticker,
            forecasts.c.target == target,
            forecasts.c.spec == spec,
            forecasts.c.target_session <= cutoff,
        )
        .order_by(forecasts.c.kind, forecasts.c.target_session)  # a live one, which comes last, counts
    )
    found = {row[0]: tuple(row[1:]) for query in (tested, issued) for row in connection.execute(query)}
    frame = pd.DataFrame.from_dict(found, orient="index", columns=list(_ERRORS), dtype="float64")
    frame.index = pd.DatetimeIndex(frame.index, name="session")
    return frame.sort_index().dropna()


def read_live_sessions(connection: Connection, *, ticker: str, target: Target, spec: str) -> set[date]:
    """Return the target sessions of all live forecasts."""
    query = select(forecasts.c.target_session).filter_by(ticker=ticker, target=target, spec=spec, kind="live")
    return set(connection.scalars(query))


def read_missed_sessions(connection: Connection, *, ticker: str, target: Target, spec: str) -> set[date]:
    """Return the target sessions that stand as missed."""
    query = select(missed_nights.c.target_session).filter_by(ticker=ticker, target=target, spec=spec)
    return set(connection.scalars(query))


def write_missed(connection: Connection, rows: Sequence[MissedNight]) -> None:
    """Note nights that were missed."""
    insert_missing(connection, missed_nights, [asdict(row) for row in rows])


def has_bar_by(connection: Connection, ticker: str, session: date, moment: datetime) -> bool:
    """Whether the session's bar, as it stands, was there at `moment`."""
    query = select(prices.c.session).where(
        prices.c.ticker == ticker, prices.c.session == session, prices.c.observed_at < moment
    )
    return connection.scalar(query) is not None


def has_run_between(connection: Connection, first: datetime, last: datetime, *, simulated: bool) -> bool:
    """Whether a run was begun between two times, of the clock or of the simulated market."""
    column = runs.c.as_of if simulated else runs.c.started_at
    return connection.scalar(select(runs.c.run_id).where(column >= first, column < last).limit(1)) is not None
