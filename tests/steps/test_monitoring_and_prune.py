"""Warnings of models in use, and the weights that nobody needs any more."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from inline import retrain_if_due, update_simulated
from scenario import FRIDAY_EVENING, SMALL, evening

from stockrnn.market.calendars import load_calendar
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.model_monitoring import monitor_models
from stockrnn.steps.prune import Pruned, prune_models
from stockrnn.steps.replay import replay_all
from stockrnn.steps.score import score_forecasts
from stockrnn.steps.status import read_status
from stockrnn.store.engine import reading

BAD = SMALL.model_copy(update={"epochs": 1, "every": 500})
NIGHTS = load_calendar("XNYS", through_year=2026).sessions(FRIDAY_EVENING.date(), pd.Timestamp("2012-05-31").date())


@pytest.fixture
def month(make_job):
    """Forty nights of a network that learned nothing."""
    for day in NIGHTS:
        job = make_job(spec=BAD, as_of=datetime(day.year, day.month, day.day, 22, tzinfo=UTC))
        update_simulated(job)
        retrain_if_due(job)
        score_forecasts(job)
        forecast_next(job)
    return job


def warn(job, **options):
    return monitor_models(job.settings, job.engine, **({"as_of": job.as_of, "simulated": True} | options))


@pytest.mark.exhaustive
def test_a_model_that_is_worse_live_than_naive_is_warned_of(month):
    (warning,) = warn(month)
    assert warning.startswith("SIM-FAT: the live forecasts of tutorial are worse than naive and the last close over ")
    assert "(p < 0.001)" in warning
    assert warn(month, simulated=False) == ()
    assert warn(month, as_of=month.as_of + timedelta(days=400)) == ()  # nothing in the past year


@pytest.mark.exhaustive
@pytest.mark.exhaustive
def test_status_says_it_without_calling_it_a_problem(month):
    state = read_status(month.settings, month.engine, now=month.as_of)
    assert any("worse than naive" in warning for warning in state.warnings)
    assert not any("worse than naive" in problem for problem in state.problems)


def test_a_model_that_was_not_replaced_for_too_long_is_warned_of(make_job, job):
    spec = SMALL.model_copy(update={"max_age": "month"})
    retrain_if_due(make_job(spec=spec))
    old = make_job(spec=spec, as_of=evening(2012, 5, 4))
    (warning,) = warn(old)
    assert warning == (
        "SIM-FAT: the model of tutorial in use is 35 days old; no later one was good enough, see 'stockrnn sql "
        "promotions'"
    )
    assert warn(make_job(spec=spec, as_of=evening(2012, 4, 27))) == ()
    assert warn(make_job(spec=spec.model_copy(update={"nightly": False}), as_of=evening(2012, 5, 4))) == ()


def sizes(engine):
    with reading(engine) as connection:
        return dict(connection.exec_driver_sql("select model_id, length(weights) from models").fetchall())


def test_pruning_keeps_what_is_in_use_and_what_a_replay_within_the_span_needs(make_job, job, engine):
    models = []
    for day in ((3, 30), (4, 30), (5, 31), (6, 29)):
        night = make_job(as_of=evening(2012, *day))
        update_simulated(night)
        models.append(retrain_if_due(night, force=True).challenger.model_id)
        forecast_next(night)
    later = evening(2013, 5, 15)  # a year before, the first two had been trained; the second may be gone back to
    before = sizes(engine)
    used = {one.forecast.model_id for one in replay_all(engine, since=date(2012, 5, 31))}
    expected = models[:1]
    assert not used & set(expected)
    dry = prune_models(engine, keep_days=366, now=later, dry_run=True)
    assert sizes(engine) == before
    done = prune_models(engine, keep_days=366, now=later)
    assert done == dry == Pruned(models=len(expected), of=4, freed=sum(before[name] for name in expected))
    assert {name for name, size in sizes(engine).items() if size == 0} == set(expected)
    assert prune_models(engine, keep_days=366, now=later).freed == 0


def test_a_replay_of_a_forecast_whose_weights_were_pruned_says_so(make_job, job, engine):
    forecast_next_with_model(make_job, job)
    update_simulated(make_job(as_of=evening(2012, 8, 31)))
    retrain_if_due(make_job(as_of=evening(2012, 6, 29)), force=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("update models set weights = x'' where cutoff < '2012-04-01'")
    (replayed,) = replay_all(engine)
    assert replayed.differences == ("the weights it was made with were pruned; see keep_days in the settings",)


def forecast_next_with_model(make_job, job):
    retrain_if_due(job)
    forecast_next(job)
