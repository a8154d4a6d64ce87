"""Training in child processes: the same weights, what becomes of it when one dies, and that none is left behind."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sampled import sample
from scenario import SMALL

from stockrnn.errors import HoldoutError, TrainingError
from stockrnn.market.calendars import load_calendar
from stockrnn.sources.simulated import FIRST_SESSION, simulate_bars
from stockrnn.training.processes import ProcessExecutor
from stockrnn.training.requests import Fitted, fit_request, make_request
from stockrnn.types import Scope

SESSIONS = load_calendar("XNYS", through_year=2026).sessions(FIRST_SESSION, pd.Timestamp("2010-06-30").date())
BARS = {"SIM-A": simulate_bars("SIM-A", SESSIONS)}
SCOPE = Scope(spec="small", target="open", ticker="SIM-A", market="simulated")


def ask(how="well"):
    """Ask for a training that `misbehave` reads from its title."""
    return make_request(SCOPE, SMALL, BARS, seed=3, title=how)


def misbehave(request, on_epoch):
    """Stand for a training, in the other process."""
    how, _, place = request.title.partition(" ")
    if how == "killed" or (how == "once" and not Path(place).exists()):
        if place:
            Path(place).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "short":
        raise HoldoutError("12 windows of 1 tickers are too few to train on; store a longer history")
    elif how == "diverging":
        raise TrainingError("training stopped at epoch 1: the loss is nan")
    elif how == "surprise":
        raise ZeroDivisionError("surprise")
    elif how == "endless":
        time.sleep(600)
    on_epoch(1, 0.5)
    return Fitted(forecaster=os.getpid(), train_seconds=0.0)


@pytest.fixture
def executor():
    executor = ProcessExecutor(processes=1, fit=misbehave)
    yield executor
    executor.close()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.exhaustive
def test_the_weights_are_those_of_a_training_in_this_process_bit_for_bit():
    epochs = []
    executor = ProcessExecutor(processes=1)
    apart = executor.submit(ask(), on_epoch=lambda *epoch: epochs.append(epoch)).result()
    executor.close()
    here = fit_request(ask()).forecaster
    assert all(
        (one == other).all() for one, other in zip(apart.forecaster.to_weights(), here.to_weights(), strict=True)
    )
    assert [number for number, _ in epochs] == [0, 1, 2]
    assert np.isnan(epochs[0][1])
    assert [loss for _, loss in epochs[1:]] == list(here.losses)
    assert apart.train_seconds > 0


@pytest.mark.exhaustive
def test_a_killed_process_is_a_failed_training_and_the_next_one_gets_a_new_process(executor):
    with pytest.raises(TrainingError, match=r"the process that trained was killed \(SIGKILL\).*memory ran out"):
        executor.submit(ask("killed")).result()
    assert is_alive(executor.submit(ask()).result().forecaster)


@pytest.mark.exhaustive
def test_a_process_that_died_while_it_waited_is_replaced(executor):
    pid = executor.submit(ask()).result().forecaster
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)  # until it has died
    assert executor.submit(ask()).result().forecaster != pid


@pytest.mark.parametrize(
    ("how", "error", "words"),
    sample(
        [
            ("short", HoldoutError, "12 windows of 1 tickers are too few"),
            ("diverging", TrainingError, "training stopped at epoch 1: the loss is nan"),
            ("surprise", TrainingError, "training failed unexpectedly:\n.*ZeroDivisionError: surprise"),
        ],
        first=1,
    ),
)
def test_what_goes_wrong_comes_back_in_its_words_and_the_process_lives_on(executor, how, error, words):
    seen = []
    process = executor.submit(ask(), on_epoch=lambda *epoch: seen.append(epoch)).result().forecaster
    with pytest.raises(error, match=f"(?s){words}"):
        executor.submit(ask(how)).result()
    assert executor.submit(ask()).result().forecaster == process
    assert seen == [(1, 0.5)]


@pytest.mark.exhaustive
def test_of_several_at_a_time_one_that_is_lost_is_tried_once_more_alone(tmp_path):
    executor = ProcessExecutor(processes=2, fit=misbehave)
    lost = [executor.submit(ask(f"once {tmp_path / name}")) for name in "ab"]
    assert len({future.result().forecaster for future in lost}) == 2
    with pytest.raises(TrainingError, match="SIGKILL"):
        executor.submit(ask("killed")).result()
    executor.close()


@pytest.mark.exhaustive
def test_closing_ends_what_still_runs_at_once_and_leaves_no_process(executor):
    pid = executor.submit(ask()).result().forecaster
    running, waiting = executor.submit(ask("endless")), executor.submit(ask())
    time.sleep(0.5)
    began = time.monotonic()
    executor.close()
    assert time.monotonic() - began < 5
    assert not is_alive(pid)
    assert waiting.cancelled()
    with pytest.raises(TrainingError):
        running.result()
