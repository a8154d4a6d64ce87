"""The nightly flow on a real Prefect API, with real training on simulated prices."""

import asyncio
from datetime import UTC, datetime

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from scenario import FRIDAY_EVENING, SMALL_TOML

from flows.nightly import nightly, run_nightly
from stockrnn.errors import UsageError
from stockrnn.settings import Settings
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store


@pytest.fixture(autouse=True)
def _small_spec(tmp_path):
    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)


def _run(tickers, **parameters):
    parameters = {"as_of": FRIDAY_EVENING, "source": "simulated", "spec": None, "epochs": None, **parameters}
    return run_nightly(tickers=tickers, **parameters)


def _dump(*tables):
    with reading(open_store(Settings())) as connection:
        return {table: connection.exec_driver_sql(f"select * from {table}").all() for table in tables}


def _flow_run(run_id, *, tasks=0):
    """Return the run and its tasks, once there are so many: the server records them behind the run's back."""

    async def read():
        async with get_client() as client:
            run = await client.read_flow_run(run_id)
            of_run = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
            for _ in range(240):
                found = await client.read_task_runs(flow_run_filter=of_run)
                if len(found) >= tasks:
                    break
                await asyncio.sleep(0.25)
            return run, sorted(task.name for task in found)

    return asyncio.run(read())


@pytest.mark.exhaustive
def test_a_night_forecasts_backtests_and_reports_every_ticker():
    night = _run(["SIM-A", "SIM-B"])
    assert night.summary == "2 of 2 tickers done"
    for outcome in night.outcomes:
        assert str(outcome.issued.forecast.target_session) == "2012-04-02"
        assert str(outcome.backtest.holdout) == "2012-03"
        assert outcome.report.exists()


def test_a_night_in_which_every_ticker_fails_is_a_failed_run():
    night = _run(["NOPE"], source="stored")
    assert len(night.failed) == 1
    (log,) = _dump("runs")["runs"]
    run, _ = _flow_run(log.run_id)
    assert log.state == "failed"
    assert run.state.is_failed()
    assert "NOPE" in run.state.message


def test_runs_and_tasks_are_named_after_what_they_do():
    _run(["SIM-A"])
    (log,) = _dump("runs")["runs"]
    run, tasks = _flow_run(log.run_id, tasks=8)
    assert run.name == "nightly SIM-A as of 2012-03-30 22:00"
    assert run.state.message == "1 of 1 tickers done"
    steps = (
        "report",
        *(f"tutorial, {step}" for step in ("backtest", "forecast", "retrain", "score")),
        "update prices",
    )
    assert tasks == [*(f"SIM-A: {step}" for step in steps), "leaderboard", "publish"]


@pytest.mark.exhaustive
def test_epochs_replace_those_of_the_spec_for_one_night():
    _run(["SIM-A"], epochs=3)
    assert [row.epochs for row in _dump("models")["models"]] == [3]


def test_a_real_market_has_no_future():
    with pytest.raises(UsageError, match="in the future"):
        _run(["META"], source="stored", as_of=datetime(2126, 1, 1, tzinfo=UTC))


def test_a_bad_symbol_is_refused_before_the_run_starts():
    with pytest.raises(Exception, match="is not a ticker"):
        nightly(tickers=["../../x"], as_of=FRIDAY_EVENING, source="simulated")
