"""Trainings on a Dask cluster: the same weights, and what becomes of one whose worker or scheduler is gone."""

import pandas as pd
import pytest
from scenario import SMALL

from stockrnn.errors import SettingsError
from stockrnn.market.calendars import load_calendar
from stockrnn.settings import Settings
from stockrnn.sources.simulated import FIRST_SESSION, simulate_bars
from stockrnn.training import dask
from stockrnn.training import executor as executors
from stockrnn.training.dask import DaskExecutor
from stockrnn.training.executor import make_executor
from stockrnn.training.requests import fit_request, make_request
from stockrnn.types import Scope

SESSIONS = load_calendar("XNYS", through_year=2012).sessions(FIRST_SESSION, pd.Timestamp("2010-06-30").date())
SCOPE = Scope(spec="small", target="open", ticker="SIM-A", market="simulated")
REQUEST = make_request(SCOPE, SMALL, {"SIM-A": simulate_bars("SIM-A", SESSIONS)}, seed=3)


@pytest.fixture
def executor():
    executor = DaskExecutor(processes=1, scheduler=None)
    yield executor
    executor.close()


@pytest.mark.exhaustive
def test_a_worker_gives_the_weights_of_a_training_here_and_a_lost_one_is_done_here_instead(executor, caplog):
    here = fit_request(REQUEST).forecaster.to_weights()
    there = executor.submit(REQUEST).result().forecaster.to_weights()
    assert all((one == other).all() for one, other in zip(here, there, strict=True))
    lost = executor.submit(REQUEST)
    executor._client.cancel(lost._future, force=True)
    again = lost.result().forecaster.to_weights()
    assert all((one == other).all() for one, other in zip(here, again, strict=True))
    assert "a training was lost with its worker (" in caplog.text


def test_dask_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setattr(executors, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r'needs the extra: pip install "stockrnn\[dask\]"'):
        make_executor(Settings(task_runner="dask"))


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(dask, "_CONNECT_SECONDS", 1)
    executor = DaskExecutor(processes=1, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(SettingsError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        executor.submit(REQUEST)
    executor.close()
