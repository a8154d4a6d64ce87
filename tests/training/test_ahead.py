"""Trainings begun before the steps ask for them: what is begun, what comes back, and what is left to the steps."""

from concurrent.futures import Future

import numpy as np
import pytest
from scenario import SMALL, SMALL_QUANTILE

from stockrnn.errors import StoreError, TrainingError
from stockrnn.market.calendars import load_calendar
from stockrnn.sources.simulated import simulate_bars
from stockrnn.training.ahead import AheadTrainer
from stockrnn.training.train import fit_model
from stockrnn.types import parse_day

SESSIONS = load_calendar("XNYS", through_year=2012).sessions(parse_day("2010-01-04"), parse_day("2011-06-30"))
BARS = {ticker: simulate_bars(ticker, SESSIONS) for ticker in ("SIM-A", "SIM-B")}
ONE = {"SIM-A": BARS["SIM-A"]}


class Elsewhere:
    """Trains at once and keeps what it was asked for."""

    def __init__(self, error=None):
        self.asked, self.error = [], error

    def __call__(self, name, training):
        self.asked.append((name, training))
        future = Future()
        if self.error:
            future.set_exception(self.error)
        else:
            future.set_result(training.run())
        return future


def refuse(*_, **__):
    raise AssertionError("this was begun ahead")


def ask(spec, bars, *, seed=0):
    return lambda trainer: trainer(spec, bars, target="open", seed=seed)


@pytest.mark.parametrize(("spec", "bars", "parts"), [(SMALL, ONE, 1), (SMALL_QUANTILE, BARS, 2)])
def test_a_training_that_was_begun_gives_what_it_gives_here(spec, bars, parts):
    elsewhere, done = Elsewhere(), []
    ahead = AheadTrainer(elsewhere, refuse)
    assert ahead.foresee("all", ask(spec, bars)) == "training"
    assert (len(elsewhere.asked), ahead.begun) == (parts, parts)
    ahead.on_done = done.append
    found = ahead(spec, bars, target="open", seed=0)
    here = fit_model(spec, bars, target="open", seed=0)
    assert found.to_config() == here.to_config()
    assert (found.loss, found.windows, found.epoch_losses) == (here.loss, here.windows, here.epoch_losses)
    for mine, other in zip(found.to_weights(), here.to_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert done == list(range(1, parts + 1))


def test_the_members_go_on_from_those_of_a_model_in_use():
    start = fit_model(SMALL_QUANTILE, BARS, target="open", seed=0)
    ahead = AheadTrainer(Elsewhere(), refuse)
    ahead.foresee("all", lambda trainer: trainer(SMALL_QUANTILE, BARS, target="open", seed=0, start=start))
    found = ahead(SMALL_QUANTILE, BARS, target="open", seed=0, start=start)
    here = fit_model(SMALL_QUANTILE, BARS, target="open", seed=0, start=start)
    for mine, other in zip(found.to_weights(), here.to_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_what_is_asked_for_twice_is_begun_once_and_a_price_model_takes_its_target_alone_along():
    elsewhere = Elsewhere()
    ahead = AheadTrainer(elsewhere, refuse)
    for _ in range(2):
        ahead.foresee("SIM-A", ask(SMALL, ONE))
    ((name, training),) = elsewhere.asked
    assert name == "SIM-A"
    assert list(training.bars["SIM-A"].columns) == ["open"]


def test_a_step_that_trains_nothing_or_fails_begins_nothing():
    elsewhere = Elsewhere()
    ahead = AheadTrainer(elsewhere, refuse)

    def fail(_trainer):
        raise StoreError("gone")

    assert ahead.foresee("SIM-A", lambda _trainer: None) == "nothing"
    assert ahead.foresee("SIM-A", fail) == "failure"
    assert elsewhere.asked == []


@pytest.mark.parametrize("other", [ask(SMALL, ONE, seed=1), ask(SMALL, {"SIM-A": BARS["SIM-A"].iloc[:-1]})])
def test_anything_else_is_trained_here(other):
    calls = []
    ahead = AheadTrainer(Elsewhere(), lambda *parts, **options: calls.append(parts))
    ahead.foresee("SIM-A", ask(SMALL, ONE))
    other(ahead)
    assert len(calls) == 1


def test_a_broken_training_is_not_tried_again_but_a_lost_one_is(caplog):
    broken = AheadTrainer(Elsewhere(TrainingError("the loss is nan")), refuse)
    broken.foresee("SIM-A", ask(SMALL, ONE))
    with pytest.raises(TrainingError, match="the loss is nan"):
        broken(SMALL, ONE, target="open", seed=0)
    lost = AheadTrainer(Elsewhere(OSError("connection reset")), lambda *_, **__: "trained here")
    lost.foresee("SIM-A", ask(SMALL, ONE))
    assert lost(SMALL, ONE, target="open", seed=0) == "trained here"
    assert "lost with its worker (OSError)" in caplog.text
