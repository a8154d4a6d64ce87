"""Trainings of requests: equal ones once, in parts, begun before they are asked for, and what becomes of failures."""

import numpy as np
import pytest
from inline import InlineExecutor
from sampled import sample
from scenario import SMALL, SMALL_QUANTILE

from stockrnn.errors import HoldoutError, NotEnoughHistoryError, TrainingError
from stockrnn.market.calendars import load_calendar
from stockrnn.progress import LogProgress
from stockrnn.sources.simulated import simulate_bars
from stockrnn.training.requests import fit_request, make_model, make_request
from stockrnn.training.trainer import Trainer
from stockrnn.types import Scope, parse_as_of, parse_day

SESSIONS = load_calendar("XNYS", through_year=2026).sessions(parse_day("2010-01-04"), parse_day("2011-06-30"))
BARS = {ticker: simulate_bars(ticker, SESSIONS) for ticker in ("SIM-A", "SIM-B")}
ONE = {"SIM-A": BARS["SIM-A"]}
NOW = parse_as_of("2011-07-01")


def ask(spec, bars, *, seed=0, parent=None, name="small"):
    ticker = next(iter(bars)) if spec.scope == "ticker" else None
    scope = Scope(spec=name, target="open", ticker=ticker, market="simulated")
    return make_request(scope, spec, bars, seed=seed, parent=parent, title="SIM-A: small model", reason="asked for")


class Shown(LogProgress):
    """Keeps what is reported."""

    def __init__(self):
        self.epochs, self.counts = [], []

    def training(self, title, *, epochs):
        self.epochs.append((title, epochs))
        return lambda epoch, _loss: self.epochs.append(epoch)

    def trainings(self, done, total):
        self.counts.append((done, total))


class Parallel(InlineExecutor):
    processes = 2


def assert_same_weights(one, other):
    assert one.to_config() == other.to_config()
    assert (one.loss, one.windows, one.epoch_losses) == (other.loss, other.windows, other.epoch_losses)
    for mine, theirs in zip(one.to_weights(), other.to_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(("spec", "bars", "parts"), sample([(SMALL, ONE, 1), (SMALL_QUANTILE, BARS, 2)], first=1))
def test_a_request_gives_in_parts_what_it_gives_as_a_whole(spec, bars, parts):
    seconds = []

    def fit(request, on_epoch):
        fitted = fit_request(request, on_epoch)
        seconds.append(fitted.train_seconds)
        return fitted

    fitted = Trainer(InlineExecutor(fit), Shown()).train(ask(spec, bars))
    assert len(seconds) == parts
    assert fitted.train_seconds == sum(seconds) > 0
    assert_same_weights(fitted.forecaster, fit_request(ask(spec, bars)).forecaster)


def test_the_members_go_on_from_those_of_their_parent():
    request = ask(SMALL_QUANTILE, BARS)
    parent = make_model(request, fit_request(request), trained_at=NOW)
    warm = ask(SMALL_QUANTILE, BARS, parent=parent)
    assert warm != request
    fitted = Trainer(InlineExecutor(), Shown()).train(warm)
    assert_same_weights(fitted.forecaster, fit_request(warm).forecaster)
    made = make_model(warm, fitted, trained_at=NOW)
    assert (made.parent_model_id, made.epochs, made.config["mode"]) == (parent.model_id, 5, "warm")


@pytest.mark.parametrize(
    "other",
    [
        ask(SMALL, ONE, seed=1),
        ask(SMALL, {"SIM-A": BARS["SIM-A"].iloc[:-1]}),
        ask(SMALL, {"SIM-A": BARS["SIM-A"].assign(open=BARS["SIM-A"]["open"] * 2)}),
        ask(SMALL.model_copy(update={"units": 3}), ONE),
        ask(SMALL, {"SIM-B": BARS["SIM-B"]}),
    ],
    ids=["seed", "sessions", "prices", "spec", "ticker"],
)
def test_requests_are_equal_only_if_they_give_the_same_model(other):
    assert ask(SMALL, ONE) == ask(SMALL, ONE)
    assert ask(SMALL, ONE) != other


@pytest.mark.parametrize("policy", [{"every": 3}, {"mode": "warm"}, {"margin": 0.5}, {"warm_epochs": 7}])
def test_what_only_decides_when_a_model_is_replaced_makes_no_other_request(policy):
    assert ask(SMALL.model_copy(update=policy), ONE) == ask(SMALL, ONE)


def test_equal_requests_are_trained_once_and_take_the_columns_that_they_need_along():
    executor = InlineExecutor()
    trainer = Trainer(executor, Shown())
    trainer.begin(ask(SMALL, ONE), ask(SMALL, ONE))
    assert trainer.train(ask(SMALL, ONE)) == trainer.train(ask(SMALL, ONE))
    (asked,) = executor.asked
    assert list(asked.bars["SIM-A"].columns) == ["open"]


def test_a_training_that_failed_fails_again_at_once():
    def fail(_request, _on_epoch):
        raise TrainingError("the loss is nan")

    executor = InlineExecutor(fail)
    trainer = Trainer(executor, Shown())
    for _ in range(2):
        with pytest.raises(TrainingError, match="the loss is nan"):
            trainer.train(ask(SMALL, ONE))
    assert len(executor.asked) == 1


def test_one_at_a_time_tells_its_epochs_several_at_a_time_how_many_are_done():
    alone, together = Shown(), Shown()
    Trainer(InlineExecutor(), alone).train(ask(SMALL, ONE))
    Trainer(Parallel(), together).train(ask(SMALL_QUANTILE, BARS))
    assert alone.epochs == [("SIM-A: small model", 2), 0, 1, 2]
    assert alone.counts == []
    assert together.epochs == []
    assert together.counts == [(0, 2), (1, 2), (2, 2)]


def test_what_can_not_be_trained_on_is_refused_before_any_training():
    with pytest.raises(NotEnoughHistoryError, match=r"SIM-A: 5 sessions .* at least 6 are needed"):
        ask(SMALL, {"SIM-A": BARS["SIM-A"].iloc[:5]})
    with pytest.raises(HoldoutError, match="no ticker has prices to train on"):
        make_request(Scope(spec="q", target="open", ticker=None, market="real"), SMALL_QUANTILE, {}, seed=0)
