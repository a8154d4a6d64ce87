"""Nights killed at random moments and run again end in the same ledger as undisturbed ones, on both databases."""

import multiprocessing
import os
import random
import signal
import time
from datetime import UTC, date, datetime

import pytest
from killed_night import run_night

from stockrnn.market.calendars import load_calendar
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store
from stockrnn.store.schema import METADATA

NIGHTS = load_calendar("XNYS", through_year=2013).sessions(date(2011, 3, 1), date(2011, 6, 30))
LEDGER = ("prices", "models", "forecasts", "scores", "missed_nights", "backtest_forecasts", "backtest_metrics")
TIMES = {"recorded_at", "trained_at", "train_seconds", "updated_at"}

# one process that has imported everything; each night is a fork of it
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["killed_night", "stockrnn.networks.tensorflow"])


def start(settings, day):
    process = FORKS.Process(target=run_night, args=(settings, datetime(day.year, day.month, day.day, 22, tzinfo=UTC)))
    process.start()
    return process


def finish(settings, day):
    process = start(settings, day)
    process.join(120)
    assert process.exitcode == 0


def read_ledger(settings):
    """Every row of the ledger but its times, by its key."""
    engine = open_store(settings)
    with reading(engine) as connection:
        ledger = {
            name: [
                tuple(value for key, value in row.items() if key not in TIMES)
                for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()
            ]
            for name in LEDGER
            for table in [METADATA.tables[name]]
        }
    engine.dispose()
    return ledger


@pytest.fixture
def nights(request):
    """Fifty with --all-nights, which takes minutes, else a few."""
    return NIGHTS[: 50 if request.config.getoption("--all-nights") else 2]


@pytest.mark.exhaustive
def test_nights_killed_at_random_moments_and_run_again_leave_the_same_ledger(make_settings, nights):
    undisturbed, disturbed = make_settings(), make_settings()
    rng = random.Random(0)  # noqa: S311  # moments to kill at, no secrets
    seconds = []
    for day in nights:
        began = time.monotonic()
        finish(undisturbed, day)
        seconds.append(time.monotonic() - began)
    killed = 0
    for day, lasted in zip(nights, seconds, strict=True):
        process = start(disturbed, day)
        time.sleep(rng.uniform(0, 0.8 * lasted))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
        finish(disturbed, day)
    assert killed  # a busy machine may let some of them end first
    left, right = read_ledger(disturbed), read_ledger(undisturbed)
    assert len(right["forecasts"]) == 2 * len(nights)
    for name in LEDGER:
        assert left[name] == right[name], name
