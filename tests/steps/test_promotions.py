"""From a training to the model in use: trials, refusals, warm starts, going back, and what a night does meanwhile."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from inline import refuse, retrain_if_due, update_simulated
from scenario import FRIDAY_EVENING, SMALL, evening

from stockrnn.errors import ModelChoiceError, TrainingError
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.manual_promotion import promote_model, roll_back
from stockrnn.store.engine import reading
from stockrnn.store.promotions import read_promotions
from stockrnn.training.requests import fit_request

NEXT_WEEK, WEEK_AFTER = evening(2012, 4, 9), evening(2012, 4, 16)
LEARNING = SMALL.model_copy(update={"epochs": 40, "learning_rate": 0.01})
WARM = LEARNING.model_copy(update={"every": "night", "mode": "warm", "max_age": "week", "warm_epochs": 2})


def decisions_on(job):
    with reading(job.engine) as connection:
        return read_promotions(connection, job.scope)


def breaking(change):
    """Train as ever and then change the model."""

    def fit(request, on_epoch):
        fitted = fit_request(request, on_epoch)
        return replace(fitted, forecaster=change(fitted.forecaster))

    return fit


def with_weights(change):
    return breaking(lambda fitted: replace(fitted, weights=[change(array) for array in fitted.weights]))


@pytest.fixture
def learned(make_job, job):
    """The job of the first week, with a model of some use; prices are stored until three weeks later."""
    update_simulated(make_job(as_of=evening(2012, 4, 30)))
    job = make_job(spec=LEARNING)
    retrain_if_due(job)
    return job


def test_the_first_model_comes_into_use_and_the_decision_is_written_down(learned):
    (decision,) = decisions_on(learned)
    assert (decision.decision, decision.reason, decision.previous_model_id) == (
        "promoted",
        "there is no model yet",
        None,
    )
    assert decision.as_of == FRIDAY_EVENING
    assert decision.evidence["known_through"] == "2012-03-30"
    assert (decision.evidence["mode"], decision.evidence["sessions"]) == ("full", 10)


def test_a_challenger_is_compared_on_sessions_that_neither_was_trained_on(make_job, learned):
    done = retrain_if_due(make_job(spec=LEARNING, as_of=NEXT_WEEK))
    evidence = done.decision.evidence
    assert evidence["reference"] == done.decision.previous_model_id != done.challenger.model_id
    assert evidence["sessions"] == 10
    assert str(done.challenger.cutoff) == "2012-03-23"  # the ten later ones are the trial
    assert 0 < evidence["relative_loss"] < evidence["upper"]
    assert done.decision.decision == ("promoted" if evidence["upper"] < 2 else "rejected")
    assert done.model.model_id in {done.challenger.model_id, done.decision.previous_model_id}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (np.zeros_like, "its network says the same whatever came before"),
        (lambda array: np.full_like(array, np.nan), "some of its forecasts are no numbers"),
        (lambda array: array * 40, "its loss is"),
    ],
    ids=["constant output", "no numbers", "much worse"],
)
def test_a_broken_model_never_comes_into_use_and_the_night_forecasts_with_the_last_good_one(
    make_job, learned, change, reason
):
    due = make_job(spec=LEARNING, as_of=NEXT_WEEK)
    good = forecast_next(learned).forecast.model_id
    done = retrain_if_due(due, fit=with_weights(change))
    assert done.decision.decision == "rejected"
    assert done.decision.reason.startswith(reason)
    assert done.model.model_id == good
    assert forecast_next(due).forecast.model_id == good


def test_a_training_that_fails_leaves_the_model_in_use_and_says_why(make_job, learned):
    def fail(*_, **__):
        raise TrainingError("training stopped at epoch 3: the loss is nan; lower the spec's learning_rate")

    due = make_job(spec=LEARNING, as_of=NEXT_WEEK)
    done = retrain_if_due(due, fit=fail)
    assert "the loss is nan" in done.failure
    assert done.reason == "the last training was on 2012-03-30, 5 sessions ago"
    assert done.challenger is done.decision is None
    assert forecast_next(due).forecast.model_id == done.model.model_id
    assert len(decisions_on(due)) == 1
    assert retrain_if_due(due).challenger is not None  # still due: the next night tries again


def test_a_first_model_that_is_broken_is_an_error_and_is_not_trained_again_on_the_same_data(make_job, job):
    for fit in (with_weights(np.zeros_like), refuse):  # the second time nothing is trained
        with pytest.raises(
            TrainingError, match="SIM-FAT: the first model of tutorial is not fit for use: its network"
        ):
            retrain_if_due(job, fit=fit)
    (decision,) = decisions_on(job)
    assert decision.decision == "rejected"
    monday = make_job(as_of=evening(2012, 4, 2))
    update_simulated(monday)
    assert retrain_if_due(monday).decision.decision == "promoted"


def test_a_warm_training_goes_on_from_the_model_in_use_until_one_from_scratch_is_due(make_job, learned):
    monday, tuesday = evening(2012, 4, 2), evening(2012, 4, 3)
    first = retrain_if_due(make_job(spec=WARM, as_of=monday))
    assert first.challenger.parent_model_id == decisions_on(learned)[-1].model_id
    assert (first.challenger.epochs, first.challenger.config["mode"]) == (2, "warm")
    second = retrain_if_due(make_job(spec=WARM, as_of=tuesday))
    assert second.challenger.parent_model_id == second.decision.previous_model_id
    assert second.challenger.config["scaler"] == first.challenger.config["scaler"]
    again = retrain_if_due(make_job(spec=WARM, as_of=NEXT_WEEK))  # five sessions after the one from scratch
    assert (again.challenger.parent_model_id, again.challenger.config["mode"]) == (None, "full")


def test_a_warm_training_is_the_same_bit_for_bit(make_job, learned):
    monday = make_job(spec=WARM, as_of=evening(2012, 4, 2))
    shas = []
    retrain_if_due(monday, fit=breaking(lambda fitted: shas.append(fitted.weights) or fitted))
    parent = decisions_on(learned)[-1].model_id
    from stockrnn.models.registry import restore
    from stockrnn.store.models import read_model

    with reading(monday.engine) as connection:
        start = restore(read_model(connection, parent))
    bars = monday.history.bars.iloc[:-10].iloc[-200:]
    again = WARM.fit({"SIM-FAT": bars}, target="open", seed=0, parent=start)
    assert all((one == other).all() for one, other in zip(shas[0], again.weights, strict=True))


def test_after_a_split_a_warm_start_is_refused_and_the_old_scale_is_no_measure(engine, make_job, learned):
    from stockrnn.store.engine import writing
    from stockrnn.store.prices import read_bars, write_bars
    from stockrnn.types import Bars

    with writing(engine) as connection:
        bars = read_bars(connection, "SIM-FAT")
        bars[["open", "high", "low", "close", "adj_close"]] /= 4
        later = FRIDAY_EVENING + timedelta(hours=1)
        options = {"calendar": "XNYS", "currency": None, "source": "simulated", "observed_at": later}
        write_bars(connection, "SIM-FAT", Bars(frame=bars), **options)
    done = retrain_if_due(make_job(spec=WARM, as_of=evening(2012, 4, 2)))
    assert done.reason == "the prices it was trained on have been restated, as by a split"
    assert done.challenger.parent_model_id is None
    assert done.decision.decision == "promoted"
    assert done.decision.previous_model_id is None
    assert done.decision.reason == "no earlier model can forecast the prices as they are now"


@pytest.mark.exhaustive
def test_a_rollback_restores_the_earlier_model_and_the_next_forecast_comes_from_it(make_job, learned):
    first = decisions_on(learned)[0].model_id
    second = retrain_if_due(make_job(spec=LEARNING, as_of=NEXT_WEEK))
    if second.decision.decision == "rejected":
        promote_model(learned.engine, second.challenger.model_id, now=NEXT_WEEK)
    tonight = make_job(spec=LEARNING, as_of=evening(2012, 4, 10))
    assert retrain_if_due(tonight).model.model_id == second.challenger.model_id
    scope = tonight.scope
    decision = roll_back(tonight.engine, scope, now=evening(2012, 4, 10))
    assert (decision.decision, decision.model_id) == ("rolled_back", first)
    assert decision.previous_model_id == second.challenger.model_id
    assert retrain_if_due(tonight).challenger is None
    assert forecast_next(tonight).forecast.model_id == first
    with pytest.raises(ModelChoiceError, match="is the first one, there is none to go back to"):
        roll_back(tonight.engine, scope, now=evening(2012, 4, 10))


def test_a_model_that_is_promoted_by_hand_is_in_use_whatever_the_trial_said(make_job, learned):
    due = make_job(spec=LEARNING, as_of=NEXT_WEEK)
    rejected = retrain_if_due(due, fit=with_weights(lambda array: array * 40)).challenger.model_id
    promote_model(due.engine, rejected, now=NEXT_WEEK)
    assert forecast_next(due).forecast.model_id == rejected
    with pytest.raises(ModelChoiceError, match="is in use already"):
        promote_model(due.engine, rejected, now=NEXT_WEEK)
    with pytest.raises(ModelChoiceError, match="no model 'nosuch'"):
        promote_model(due.engine, "nosuch", now=NEXT_WEEK)


@pytest.mark.exhaustive
def test_a_night_of_the_past_does_not_change_which_model_is_in_use_now(make_job, learned):
    later = make_job(spec=LEARNING, as_of=WEEK_AFTER)
    in_use = retrain_if_due(later).model.model_id
    past = make_job(spec=LEARNING, as_of=NEXT_WEEK, now=WEEK_AFTER + timedelta(hours=1))
    assert str(retrain_if_due(past).challenger.cutoff) == "2012-03-23"
    assert retrain_if_due(later).model.model_id == in_use
    assert forecast_next(later).forecast.model_id == in_use


def test_a_decision_cannot_be_rewritten(learned):
    from stockrnn.errors import StoreError
    from stockrnn.store.engine import writing

    for statement in ("update promotions set decision = 'rejected'", "delete from promotions"):
        with (
            pytest.raises(StoreError, match="promotions can not be rewritten"),
            writing(learned.engine) as connection,
        ):
            connection.exec_driver_sql(statement)
