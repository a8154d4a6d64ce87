"""Prices of the simulated market, for tests of what comes after them."""

from stockrnn.sources.simulated import SOURCE, fetch_simulated
from stockrnn.steps.download import update_ticker
from stockrnn.steps.job import Job
from stockrnn.store.prices import Written


def update_simulated(job: Job) -> Written:
    """Bring the job's ticker up to date from the simulated market."""
    return update_ticker(job, SOURCE, fetch_simulated)
