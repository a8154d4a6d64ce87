"""One night of the pipeline, run in a process that a test may kill."""

from datetime import datetime

from simulated import update_simulated

from stockrnn.models.spec import PriceSpec
from stockrnn.settings import Settings
from stockrnn.steps.backtest import backtest_holdout, last_whole_month
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.job import Job
from stockrnn.steps.retrain import retrain_if_due
from stockrnn.steps.score import score_forecasts
from stockrnn.store.migrate import open_store

TICKERS = ("SIM-A", "SIM-B")
SPEC = PriceSpec(lookback=5, layers=1, units=4, epochs=2, batch_size=64, train_sessions=100, every=3)


def run_night(settings: Settings, as_of: datetime) -> None:
    """Do every step of the flow, in its order."""
    settings = settings.model_copy(update={"specs": {"tutorial": SPEC}})
    engine = open_store(settings)
    for ticker in TICKERS:
        job = Job(settings=settings, engine=engine, ticker=ticker, spec_name="tutorial", as_of=as_of, now=as_of)
        update_simulated(job)
        score_forecasts(job)
        retrain_if_due(job)
        backtest_holdout(job, last_whole_month(job))
        forecast_next(job)
