"""Read what can be scored, add scores, and store the nights that were missed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, Select, func, select, text

from stockrnn.store.order import read_newest
from stockrnn.store.schema import backtest_forecasts, backtests, forecasts, missed_nights, prices, runs, scores
from stockrnn.store.upsert import insert_missing
from stockrnn.types import MissedNight, Score, Target

_TO_SCORE = """
    select compared.*, last_scores.scored_at as last_scored_at
    from forecast_vs_actual as compared
    left join scores as last_scores
        on compared.forecast_id = last_scores.forecast_id
        and last_scores.scored_at = (
            select max(other.scored_at) from scores as other where other.forecast_id = compared.forecast_id
        )
    where compared.ticker = :ticker and compared.target_session <= :through
        and (
            last_scores.forecast_id is null
            or last_scores.actual <> compared.actual
            or last_scores.basis <> compared.basis
            or abs(last_scores.error - compared.error) > 1e-9 * abs(compared.actual)
        )
    order by compared.target_session, compared.forecast_id
"""
_ERRORS = ("actual", "predicted", "last_close", "volatility")


def read_to_score(connection: Connection, ticker: str, *, through: date) -> Sequence[Row[Any]]:
    """Return the rows of `forecast_vs_actual` that have no score yet, or whose last one says otherwise."""
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
    tested = _select_tested(key).where(
        backtest_forecasts.c.target_session <= cutoff, backtests.c.created_at <= known_at
    )
    scored = _select_scored(key, known_at).where(forecasts.c.target_session <= cutoff)
    # of a session that several forecast, the last row counts
    found = {row[0]: tuple(row[1:]) for query in (tested, scored) for row in connection.execute(query)}
    frame = pd.DataFrame.from_dict(found, orient="index", columns=list(_ERRORS), dtype="float64")
    frame.index = pd.DatetimeIndex(frame.index, name="session")
    return frame.sort_index().dropna()


def read_newest_error_date(connection: Connection, *, ticker: str, target: Target, spec: str) -> datetime | None:
    """Return the latest date of all that `read_past_errors` may read of a spec; None where there is nothing."""
    key = {"ticker": ticker, "target": target, "spec": spec}
    about = [forecasts.c[name] == value for name, value in key.items()]
    return read_newest(
        connection,
        select(func.max(scores.c.scored_at)).join_from(scores, forecasts).where(*about),
        select(func.max(backtests.c.created_at)).filter_by(**key),
    )


def _select_tested(key: Mapping[str, str]) -> Select[Any]:
    columns = (backtest_forecasts.c[name] for name in ("target_session", *_ERRORS))
    return select(*columns).join(backtests).filter_by(**key).order_by(backtests.c.created_at, backtests.c.backtest_id)


def _select_scored(key: Mapping[str, str], known_at: datetime) -> Select[Any]:
    """Select every forecast with the last score known at `known_at`, live ones after hindcasts."""
    other = scores.alias()
    # by the key of scores, so that it costs no more than the ticker's share of a long record
    last = (
        select(func.max(other.c.scored_at))
        .where(other.c.forecast_id == scores.c.forecast_id, other.c.scored_at <= known_at)
        .scalar_subquery()
    )
    return (
        select(
            forecasts.c.target_session,
            scores.c.actual,
            (scores.c.actual + scores.c.error).label("predicted"),
            (forecasts.c.last_close * scores.c.basis).label("last_close"),
            forecasts.c.volatility,
        )
        .join(scores, scores.c.forecast_id == forecasts.c.forecast_id)
        .where(scores.c.scored_at == last, *(forecasts.c[name] == value for name, value in key.items()))
        .order_by(forecasts.c.kind, forecasts.c.target_session)
    )


def read_live_sessions(connection: Connection, *, ticker: str, target: Target, spec: str) -> set[date]:
    """Return the target sessions of all live forecasts."""
    query = select(forecasts.c.target_session).filter_by(ticker=ticker, target=target, spec=spec, kind="live")
    return set(connection.scalars(query))


def read_live_cutoffs(connection: Connection, *, ticker: str, target: Target, spec: str) -> set[date]:
    """Return the cutoffs of all live forecasts."""
    query = select(forecasts.c.cutoff).filter_by(ticker=ticker, target=target, spec=spec, kind="live")
    return set(connection.scalars(query))


def read_missed_sessions(connection: Connection, *, ticker: str, target: Target, spec: str) -> set[date]:
    """Return the target sessions that stand as missed."""
    query = select(missed_nights.c.target_session).filter_by(ticker=ticker, target=target, spec=spec)
    return set(connection.scalars(query))


def write_missed(connection: Connection, rows: Sequence[MissedNight]) -> None:
    """Store missed nights; one that is stored stands."""
    insert_missing(connection, missed_nights, [asdict(row) for row in rows])


def has_bar_by(connection: Connection, ticker: str, session: date, moment: datetime) -> bool:
    """Whether the session's bar, as it stands, was there at `moment`."""
    query = select(prices.c.session).where(
        prices.c.ticker == ticker, prices.c.session == session, prices.c.observed_at < moment
    )
    return connection.scalar(query) is not None


def has_run_between(connection: Connection, ticker: str, first: datetime, last: datetime, *, simulated: bool) -> bool:
    """Whether a run for a ticker, or for all, was begun between two times, by the clock or the simulated market."""
    column = runs.c.as_of if simulated else runs.c.started_at
    found = select(runs.c.parameters).where(column >= first, column < last, runs.c.state != "skipped")
    return any(ticker in (parameters.get("tickers") or [ticker]) for parameters in connection.scalars(found))
