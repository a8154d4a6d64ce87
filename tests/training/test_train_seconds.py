"""`train_seconds` is what a training took where it ran, not how long the run waited for it."""

import os
import time

import pytest
from inline import InlineExecutor
from tiny_model import ENTRY, FOLDERS, TinySpec

from stockrnn.market.calendars import load_calendar
from stockrnn.models.registry import KINDS
from stockrnn.progress import LogProgress
from stockrnn.sources.simulated import simulate_bars
from stockrnn.training.dask import DaskExecutor
from stockrnn.training.processes import ProcessExecutor
from stockrnn.training.requests import make_model, make_request
from stockrnn.training.trainer import Trainer
from stockrnn.types import Scope, parse_as_of, parse_day

SESSIONS = load_calendar("XNYS", through_year=2026).sessions(parse_day("2010-01-04"), parse_day("2011-06-30"))
BARS = {"SIM-A": simulate_bars("SIM-A", SESSIONS)}
NOW = parse_as_of("2011-07-01")
SLEPT = 0.2
SLOW = TinySpec(epochs=2, seconds=SLEPT / 2)


def ask(*, parent=None):
    scope = Scope(spec="s", target="open", ticker="SIM-A", market="simulated")
    return make_request(scope, SLOW, BARS, seed=0, parent=parent)


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    """Let this process, and those that it starts, know the kind."""
    monkeypatch.setitem(KINDS, "tiny", ENTRY)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*map(str, FOLDERS), os.environ.get("PYTHONPATH", "")]))


EXECUTORS = {
    "here": InlineExecutor,
    "single": lambda: ProcessExecutor(processes=1),
    "processes": lambda: ProcessExecutor(processes=2),
    "dask": lambda: DaskExecutor(processes=1, scheduler=None),
}


@pytest.mark.parametrize(
    "name", ["here", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("single", "processes", "dask"))]
)
def test_a_training_that_was_done_before_it_was_asked_for_took_as_long_as_it_took(name):
    executor = EXECUTORS[name]()
    trainer = Trainer(executor, LogProgress())
    began = time.perf_counter()
    trainer.begin(ask())
    model = make_model(ask(), trainer.train(ask()), trained_at=NOW)
    warm = ask(parent=model)
    trainer.begin(warm)
    trainer.train(warm)
    asked = time.perf_counter()
    again = make_model(warm, trainer.train(warm), trained_at=NOW)  # nothing to wait for any more
    assert time.perf_counter() - asked < SLEPT
    trainer.close()
    for made in (model, again):
        assert SLEPT <= made.train_seconds <= asked - began
