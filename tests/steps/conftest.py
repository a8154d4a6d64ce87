"""A small spec and simulated prices, so that each step runs for real in well under a second."""

from collections.abc import Callable

import pytest
from scenario import FRIDAY_EVENING, SMALL
from simulated import update_simulated
from sqlalchemy import Engine

from stockrnn.settings import Settings
from stockrnn.steps.job import Job
from stockrnn.store.migrate import open_store

MakeJob = Callable[..., Job]


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home", specs={"tutorial": SMALL}, spec="tutorial")


@pytest.fixture
def engine(settings) -> Engine:
    return open_store(settings)


@pytest.fixture
def make_job(settings, engine) -> MakeJob:
    """Make a job; by default of a simulated ticker on a Friday evening of 2012."""

    def make(ticker="SIM-FAT", *, as_of=FRIDAY_EVENING, now=None, spec=None, **changes):
        specs = {"tutorial": spec or SMALL}
        changed = settings.model_copy(update={"specs": specs, **changes})
        return Job(
            settings=changed, engine=engine, ticker=ticker, spec_name="tutorial", as_of=as_of, now=now or as_of
        )

    return make


@pytest.fixture
def job(make_job) -> Job:
    """A job whose prices are stored up to its cutoff, Friday 30 March 2012."""
    job = make_job()
    update_simulated(job)
    return job
