"""Training in a process of its own: the same weights, and what becomes of it when the process dies."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest
from scenario import SMALL

from stockrnn.errors import HoldoutError, TrainingError
from stockrnn.market.calendars import load_calendar
from stockrnn.sources.simulated import FIRST_SESSION, simulate_bars
from stockrnn.training.apart import ProcessTrainer
from stockrnn.training.train import fit_model

SESSIONS = load_calendar("XNYS", through_year=2012).sessions(FIRST_SESSION, pd.Timestamp("2010-06-30").date())
BARS = {"SIM-A": simulate_bars("SIM-A", SESSIONS)}


def misbehave(spec, bars, *, on_epoch=None, how="", **options):
    """Stand for a training, in the other process."""
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "too short":
        raise HoldoutError("12 windows of 1 tickers are too few to train on; store a longer history")
    elif how == "diverging":
        raise TrainingError("training stopped at epoch 1: the loss is nan")
    elif how == "surprise":
        raise ZeroDivisionError("surprise")
    on_epoch(1, 0.5)
    return how


@pytest.fixture(scope="module")
def trainer():
    return ProcessTrainer(misbehave)


def test_the_weights_are_those_of_a_training_in_this_process_bit_for_bit():
    epochs = []
    options = {"target": "open", "seed": 3}
    apart = ProcessTrainer()(SMALL, BARS, on_epoch=lambda *epoch: epochs.append(epoch), **options)
    here = fit_model(SMALL, BARS, on_epoch=None, **options)
    assert all((one == other).all() for one, other in zip(apart.weights, here.weights, strict=True))
    assert [number for number, _ in epochs] == [0, 1, 2]
    assert np.isnan(epochs[0][1])
    assert [loss for _, loss in epochs[1:]] == list(here.losses)


def test_a_killed_process_is_a_failed_training_and_the_next_one_gets_a_new_process(trainer):
    with pytest.raises(TrainingError, match=r"the process that trained was killed \(SIGKILL\).*memory ran out"):
        trainer(SMALL, BARS, how="killed")
    assert trainer(SMALL, BARS, how="well") == "well"


def test_a_process_that_died_while_it_waited_is_replaced(trainer):
    assert trainer(SMALL, BARS, how="well") == "well"
    os.kill(trainer._process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while trainer._process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert trainer(SMALL, BARS, how="well") == "well"


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ("too short", HoldoutError, "12 windows of 1 tickers are too few"),
        ("diverging", TrainingError, "training stopped at epoch 1: the loss is nan"),
        ("surprise", TrainingError, "training failed unexpectedly:\n.*ZeroDivisionError: surprise"),
    ],
)
def test_what_goes_wrong_comes_back_in_its_words_and_the_process_lives_on(trainer, how, error, words):
    seen = []
    trainer(SMALL, BARS, how="well", on_epoch=lambda *epoch: seen.append(epoch))
    process = trainer._process.pid
    with pytest.raises(error, match=f"(?s){words}"):
        trainer(SMALL, BARS, how=how)
    assert trainer._process.pid == process
    assert seen == [(1, 0.5)]
