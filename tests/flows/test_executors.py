"""Trainings in several processes and on a Dask cluster: the same rows as one after the other."""

import os

import pytest
from scenario import FRIDAY_EVENING, SMALL_TOML

from flows.backtest import backtest
from flows.nightly import run_nightly
from flows.retrain import retrain
from stockrnn.settings import load_settings
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store

TICKERS = ["SIM-A", "SIM-B"]
BOTH = SMALL_TOML.replace("nightly = false\n", "train_sessions = 400\nmax_windows = 800\nvalidation_sessions = 40\n")
COMPARED = {
    "models": "model_id, epochs, loss, weights_sha256, cutoff",
    "promotions": "promotion_id, decision, reason, evidence",
    "forecasts": "ticker, spec, target_session, predicted, lower_80, upper_95, model_id, window_sha256",
    "backtests": "backtest_id, verdict, windows",
    "backtest_metrics": "backtest_id, model, metric, value",
}


pytestmark = pytest.mark.usefixtures("real_executors")


def _make(folder, *runner, spec=BOTH):
    folder.mkdir()
    os.chdir(folder)
    (folder / "stockrnn.toml").write_text("\n".join([*runner, spec]))


def _night(tickers=TICKERS, as_of=FRIDAY_EVENING):
    return run_nightly(tickers=tickers, as_of=as_of, source="simulated", spec=None, epochs=None)


def _read():
    with reading(open_store(load_settings())) as connection:
        return {
            table: sorted(connection.exec_driver_sql(f"select {columns} from {table}").all(), key=str)
            for table, columns in COMPARED.items()
        }


def _one_night():
    assert _night().failed == ()
    return _read()


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("runner", ["processes", "dask"])
def test_processes_and_dask_give_the_rows_of_one_training_after_the_other(tmp_path, pytestconfig, runner):
    if runner == "dask" and not pytestconfig.getoption("--all-nights"):
        pytest.skip("tests/training/test_dask.py trains on a cluster each time; run with --all-nights")
    _make(tmp_path / "alone", 'task_runner = "single"')
    alone = _one_night()
    assert len(alone["forecasts"]) == 2 * len(TICKERS)
    assert len(alone["models"]) == len(TICKERS) + 1
    _make(tmp_path / runner, f'task_runner = "{runner}"', "processes = 2")
    assert _one_night() == alone


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_dask_scheduler_that_runs_already_serves_the_other_flows(tmp_path, pytestconfig):
    if not pytestconfig.getoption("--all-nights"):
        pytest.skip("a cluster of its own serves a night each time; run with --all-nights")
    from distributed import LocalCluster

    _make(tmp_path / "alone", 'task_runner = "single"')
    _night()
    retrain(tickers=TICKERS, force=True)
    backtest(tickers=TICKERS, spec="tutorial", holdout="2011-12")
    alone = _read()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        _make(tmp_path / "dask", 'task_runner = "dask"', f'dask_scheduler = "{cluster.scheduler_address}"')
        _night()
        assert retrain(tickers=TICKERS, force=True, return_state=True).is_completed()
        assert backtest(tickers=TICKERS, spec="tutorial", holdout="2011-12", return_state=True).is_completed()
        found = _read()
        assert not cluster.scheduler.tasks  # nothing is left with it
    for table in ("models", "backtests", "backtest_metrics", "forecasts"):
        assert found[table] == alone[table]
