"""A night of three tickers in a process that kills itself at a moment of writing, or does not."""

import os
import tomllib
from contextlib import nullcontext
from datetime import UTC, datetime

import killing
import tiny_model
from inline import make_trainer, without_pictures

from stockrnn.models.registry import KINDS
from stockrnn.night import run_night
from stockrnn.settings import Settings
from stockrnn.sources.registry import get_source
from stockrnn.steps.run import Run
from stockrnn.steps.run_log import logged_run
from stockrnn.store.engine import make_engine
from stockrnn.training.trainer import open_trainer

TICKERS = ("SIM-A", "SIM-B", "SIM-C")
SPECS = {
    "spec": "tiny",
    "specs": tomllib.loads(tiny_model.TINY_TOML)["specs"],
    "task_runner": "processes",
    "processes": 2,
}
FIRST_NIGHT = datetime(2011, 3, 1, 22, tzinfo=UTC)


def run_killed_night(settings: Settings, as_of: datetime, moment: int | None, group: bool, children: bool) -> None:
    """Run a night in a session of its own; kill it at the moment with this number."""
    os.setsid()
    if moment is not None:
        killing.Killer(moment, group=group).arm()
    run_night_here(settings, as_of, children=children)


def run_night_here(settings: Settings, as_of: datetime, *, children: bool = False) -> None:
    """Run every step of a night; `children`: train in child processes."""
    KINDS["tiny"] = tiny_model.ENTRY
    engine, source = make_engine(settings), get_source("simulated")
    run = Run(settings=settings, engine=engine, as_of=as_of, now=as_of)
    opened = open_trainer(settings) if children else nullcontext(make_trainer())
    with logged_run(engine, "nightly", as_of=as_of, now=as_of, parameters={}) as log, opened as trainer:
        night = run_night(run, TICKERS, ("tiny",), source=source, trainer=trainer, run_step=without_pictures)
        log.error = night.error
    engine.dispose()
    assert night.failed == ()
