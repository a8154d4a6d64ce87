"""Trainings on a Dask cluster: the same weights, and what becomes of one whose worker or scheduler is gone."""

import subprocess

import pandas as pd
import pytest
from scenario import SMALL

from stockrnn.errors import SettingsError
from stockrnn.market.calendars import load_calendar
from stockrnn.settings import Settings
from stockrnn.sources.simulated import FIRST_SESSION, simulate_bars
from stockrnn.training import dask as dask_executor
from stockrnn.training import executor as executors
from stockrnn.training.dask import DaskExecutor
from stockrnn.training.executor import make_executor
from stockrnn.training.requests import fit_request, make_request
from stockrnn.types import Scope

SESSIONS = load_calendar("XNYS", through_year=2026).sessions(FIRST_SESSION, pd.Timestamp("2010-06-30").date())
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
    monkeypatch.setattr(dask_executor, "_CONNECT_SECONDS", 1)
    executor = DaskExecutor(processes=1, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(SettingsError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        executor.submit(REQUEST)
    executor.close()


@pytest.fixture
def certificates(tmp_path):
    """Dask's settings for certificates made by openssl: a CA of our own and one that it signed."""

    def openssl(words):
        subprocess.run(["openssl", *words.split()], cwd=tmp_path, check=True, capture_output=True)

    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca")
    openssl("req -newkey rsa:2048 -nodes -keyout key.pem -out asked.pem -subj /CN=cluster")
    openssl("x509 -req -in asked.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2")
    parts = {
        f"distributed.comm.tls.{part}.{kind}": str(tmp_path / f"{kind}.pem")
        for part in ("client", "scheduler", "worker")
        for kind in ("cert", "key")
    }
    return {"distributed.comm.tls.ca-file": str(tmp_path / "ca.pem"), **parts}


@pytest.mark.exhaustive
def test_a_scheduler_behind_tls_trains_for_who_has_a_certificate_and_for_nobody_else(certificates, monkeypatch):
    import dask.config
    from distributed import LocalCluster, Security

    monkeypatch.setattr(dask_executor, "_CONNECT_SECONDS", 5)
    here = fit_request(REQUEST).forecaster.to_weights()
    with dask.config.set(certificates):
        security = Security(require_encryption=True)
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, protocol="tls://", security=security
    ) as cluster:
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        with dask.config.set(certificates):
            executor = DaskExecutor(processes=1, scheduler=address)
            there = executor.submit(REQUEST).result().forecaster.to_weights()
            executor.close()
        stranger = DaskExecutor(processes=1, scheduler=address)
        with pytest.raises(SettingsError, match="it also takes the certificates of DASK_DISTRIBUTED__COMM__TLS__CA_"):
            stranger.submit(REQUEST)
        stranger.close()
    assert all((one == other).all() for one, other in zip(here, there, strict=True))


@pytest.mark.exhaustive
def test_a_cluster_of_this_machine_lets_no_stranger_in(executor):
    from distributed import Client

    executor._connect()
    address = executor._cluster.scheduler_address
    assert address.startswith("tls://")
    with pytest.raises((OSError, TypeError)):
        Client(address.replace("tls://", "tcp://"), timeout=2)
