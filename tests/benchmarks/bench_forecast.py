"""What it costs to forecast 500 tickers with one trained model: in memory, and as the step of a night does it."""

import time
from datetime import UTC, datetime

import pytest
from simulated import update_simulated

from stockrnn.models.registry import restore
from stockrnn.models.spec import QuantileSpec
from stockrnn.settings import Settings
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.job import Job, read_history
from stockrnn.steps.retrain import retrain_if_due
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store
from stockrnn.store.models import read_model

TICKERS = 500
NOW = datetime(2026, 10, 30, 22, tzinfo=UTC)
SPEC = QuantileSpec(epochs=1, max_windows=2000)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """Simulated tickers with all their prices, and a model of the house's size that learned little."""
    settings = Settings(
        home=tmp_path_factory.mktemp("many"), specs={"quantile": SPEC}, tickers=("SIM-000", "SIM-001")
    )
    engine = open_store(settings)
    jobs = [
        Job(settings=settings, engine=engine, ticker=f"SIM-{k:03d}", spec_name="quantile", as_of=NOW, now=NOW)
        for k in range(TICKERS)
    ]
    for job in jobs:
        update_simulated(job)
    retrain_if_due(jobs[0])
    yield jobs
    engine.dispose()


def test_forecasts_of_known_prices(jobs):
    histories = [read_history(job) for job in jobs]
    began = time.perf_counter()
    with reading(jobs[0].engine) as connection:
        (model_id,) = connection.exec_driver_sql("select model_id from models").scalars()
        model = restore(read_model(connection, model_id))
    for history in histories:
        model.forecast_next(history.bars, target="open", days_ahead=3)
    print(f"\n{TICKERS} forecasts, model load and compilation included: {time.perf_counter() - began:.1f} s")


def test_forecasts_as_a_night_issues_them(jobs):
    began = time.perf_counter()
    for job in jobs:
        assert forecast_next(job).new
    sessions = len(read_history(jobs[0]).bars)
    print(f"\n{TICKERS} steps, {sessions} sessions read and a row written each: {time.perf_counter() - began:.1f} s")
