"""Draw a ticker's report from what is stored."""

from pathlib import Path
from urllib.parse import quote

from stockrnn.errors import StoreError
from stockrnn.pipeline.job import Job, read_history
from stockrnn.store.backtests import read_latest_backtest
from stockrnn.store.engine import reading
from stockrnn.store.forecasts import read_latest_forecast
from stockrnn.types import Backtest, Forecast

_RECENT_SESSIONS = 90


def write_report(job: Job) -> Path:
    """Draw the PNG of the ticker: its latest forecast and its latest backtest. Returns where it is.

    Raises
    ------
    UnknownTickerError
    StoreError
        The folder of reports can't be written.
    """
    from stockrnn.report.png import draw_report

    history = read_history(job)
    forecast, backtest = read_results(job)
    path = job.settings.reports / f"{quote(job.ticker, safe='')}.png"
    try:
        draw_report(
            path,
            recent=history.values(job.target).iloc[-_RECENT_SESSIONS:],
            forecast=forecast,
            backtest=backtest,
            currency=history.currency,
        )
    except OSError as error:
        raise StoreError(f"{job.ticker}: can't write the report {path}: {error.strerror}") from error
    return path


def read_results(job: Job) -> tuple[Forecast | None, Backtest | None]:
    """Return the ticker's latest forecast and latest backtest, None where there is none."""
    with reading(job.engine) as connection:
        key = {"ticker": job.ticker, "spec": job.spec_name}
        return (
            read_latest_forecast(connection, target=job.target, **key),
            read_latest_backtest(connection, target=job.target, **key),
        )
