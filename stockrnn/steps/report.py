"""Draw each ticker's report, and the leaderboard over all tickers, from what is stored."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from stockrnn.errors import NothingToReportError, StoreError
from stockrnn.evaluation.standings import rank_models
from stockrnn.report.words import count_tickers
from stockrnn.steps.run import Job, Run
from stockrnn.store.backtests import read_latest_backtest
from stockrnn.store.engine import reading
from stockrnn.store.forecasts import read_latest_forecast
from stockrnn.store.record import read_live_errors, read_live_record, read_tested_errors
from stockrnn.types import INTERVAL_COLUMNS, Backtest, Forecast, LiveRecord

_RECENT_SESSIONS = 90
_MIN_SPLIT = 0.02


def write_report(job: Job) -> Path:
    """Draw the PNG of the ticker: its latest forecast and its latest backtest. Returns where it is.

    Nothing after the job's cutoff is shown, and no price that the forecast could not know.

    Raises
    ------
    UnknownTickerError, NothingToReportError
    StoreError
        The folder of reports can't be written.
    """
    from stockrnn.report.ticker_report import draw_report

    history = job.history
    forecast, backtest, record = _read_results(job, history.cutoff)
    forecast = forecast and _rebase(forecast, history.bars["close"])
    if forecast is None and backtest is None:
        raise NothingToReportError(job.ticker, job.spec_name)
    known = history.values(job.target).loc[: pd.Timestamp(forecast.cutoff if forecast else history.cutoff)]
    path = job.settings.reports / f"{quote(job.ticker, safe='')}.png"
    try:
        draw_report(
            path,
            recent=known.iloc[-_RECENT_SESSIONS:],
            forecast=forecast,
            backtest=backtest,
            record=record,
            currency=history.currency,
        )
    except OSError as error:
        raise StoreError(f"{job.ticker}: can't write the report {path}: {error.strerror}") from error
    return path


def write_leaderboard(run: Run) -> Path | None:
    """Draw `leaderboard.png`: every spec and baseline over all tickers. Returns where it is, None without errors.

    Only sessions that had closed at the run's moment count. Simulated tickers are shown only where there are no real
    ones.

    Raises
    ------
    StoreError
        The folder of reports can't be written.
    """
    from stockrnn.report.leaderboard import draw_leaderboard

    settings = run.settings
    for simulated in (False, True):
        through = run.moment(simulated=simulated).date()
        key: dict[str, Any] = {"target": settings.target, "through": through, "simulated": simulated}
        with reading(run.engine) as connection:
            live, tested = read_live_errors(connection, **key), read_tested_errors(connection, **key)
        if len(live) or len(tested):
            break
    else:
        return None
    count = len({*live["ticker"], *tested["ticker"]})
    path = settings.reports / "leaderboard.png"
    try:
        draw_leaderboard(
            path,
            live=rank_models(live, target=settings.target),
            tested=rank_models(tested, target=settings.target),
            target=settings.target,
            market=count_tickers(count, simulated=simulated),
        )
    except OSError as error:
        raise StoreError(f"can't write the leaderboard {path}: {error.strerror}") from error
    return path


def _rebase(forecast: Forecast, closes: pd.Series) -> Forecast:
    """Put a forecast made before a split into the shares of the prices it is drawn beside."""
    basis = float(closes.get(pd.Timestamp(forecast.cutoff), forecast.last_close)) / forecast.last_close
    if abs(basis - 1) < _MIN_SPLIT:
        return forecast
    prices = {name: getattr(forecast, name) for name in ("predicted", "naive", "last_close", *INTERVAL_COLUMNS)}
    return replace(forecast, **{name: price and price * basis for name, price in prices.items()})


def _read_results(job: Job, cutoff: date) -> tuple[Forecast | None, Backtest | None, LiveRecord]:
    key: dict[str, Any] = {"ticker": job.ticker, "target": job.target, "spec": job.spec_name, "through": cutoff}
    with reading(job.engine) as connection:
        return (
            read_latest_forecast(connection, **key),
            read_latest_backtest(connection, **key),
            read_live_record(connection, **key),
        )
