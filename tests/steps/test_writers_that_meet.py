"""A step that finds, as it writes, that another run was there since it read: the rows are those of one run."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from inline import make_trainer, retrain_if_due, update_simulated
from pydantic import SecretStr
from scenario import FRIDAY_EVENING, evening

from stockrnn.errors import ModelChoiceError
from stockrnn.steps import backtest as backtests
from stockrnn.steps import forecast as forecasts
from stockrnn.steps import retrain as retrains
from stockrnn.steps.backtest import NIGHTLY, backtest
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.manual_promotion import promote_model, roll_back
from stockrnn.steps.replay import replay_all
from stockrnn.steps.run import Run
from stockrnn.steps.score import score_forecasts
from stockrnn.store.engine import reading, writing
from stockrnn.store.migrate import open_store
from stockrnn.store.prices import write_bars
from stockrnn.store.promotions import read_promotions
from stockrnn.training.requests import fit_request
from stockrnn.types import Bars

SECOND = timedelta(seconds=1)
ALL = pytest.mark.exhaustive


@pytest.fixture
def meanwhile(monkeypatch):
    """Let another run do something once, right before a step writes what it computed."""

    def arrange(module, name, work):
        compute, calls = getattr(module, name), []

        def interrupted(*parts, **options):
            done = compute(*parts, **options)
            calls.append(done)
            if len(calls) == 1:
                work()
            return done

        monkeypatch.setattr(module, name, interrupted)
        return calls

    return arrange


def decisions_on(job):
    with reading(job.engine) as connection:
        return read_promotions(connection, job.scope)


def revise(job, *, factor, at):
    """Write the last bar anew, as another run's update does."""
    frame = job.history.bars.iloc[-1:] * factor
    options = {"calendar": "XNYS", "currency": None, "source": "simulated", "observed_at": at}
    with writing(job.engine) as connection:
        write_bars(connection, job.ticker, Bars(frame=frame), **options)


def assert_replays(job):
    assert [one.differences for one in replay_all(job.engine) if not one.matches] == []


@pytest.mark.parametrize("later", [SECOND, *(pytest.param(other, marks=ALL) for other in (timedelta(0), -SECOND))])
def test_a_model_is_decided_on_once_by_two_runs_and_the_first_decision_stands(make_job, job, meanwhile, later):
    other = make_job(as_of=job.as_of + later)
    calls = meanwhile(retrains, "evaluate_challenger", lambda: retrain_if_due(other))
    done = retrain_if_due(job)
    (decision,) = decisions_on(job)
    assert len(calls) == 2
    assert done.decision == decision
    assert done.model.model_id == decision.model_id
    assert forecast_next(job).forecast.model_id == forecast_next(other).forecast.model_id == decision.model_id


def test_a_challenger_whose_champion_was_replaced_meanwhile_is_compared_with_the_new_one(make_job, job, meanwhile):
    first = retrain_if_due(job).model.model_id
    monday = make_job(as_of=evening(2012, 4, 2))
    update_simulated(monday)
    chosen = retrain_if_due(monday, force=True)
    roll_back(job.engine, job.scope, now=monday.now)
    tuesday = make_job(as_of=evening(2012, 4, 3))
    update_simulated(tuesday)
    calls = meanwhile(
        retrains,
        "evaluate_challenger",
        lambda: promote_model(job.engine, chosen.challenger.model_id, now=monday.now),
    )
    done = retrain_if_due(tuesday, force=True)
    assert [one.previous_model_id for one in calls] == [first, chosen.challenger.model_id]
    assert done.decision.previous_model_id == chosen.challenger.model_id
    assert sum(one.model_id == done.challenger.model_id for one in decisions_on(job)) == 1


def test_of_two_who_promote_a_model_by_hand_the_second_is_told_that_it_is_in_use(make_job, job):
    first = retrain_if_due(job).model.model_id
    monday = make_job(as_of=evening(2012, 4, 2))
    update_simulated(monday)
    retrain_if_due(monday, force=True, fit=lambda *request: replace(fit_request(*request)))
    for turn in range(2):  # again and again, all by a clock that stands still
        model_id = next(one.model_id for one in decisions_on(job) if one.model_id != in_use(monday))
        promote_model(job.engine, model_id, now=monday.now)
        assert in_use(monday) == model_id, turn
        with pytest.raises(ModelChoiceError, match="is in use already"):
            promote_model(job.engine, model_id, now=monday.now)
    assert first in {one.model_id for one in decisions_on(job)}


def in_use(job):
    return next(one.model_id for one in decisions_on(job) if one.decision != "rejected")


def test_a_forecast_rests_on_the_prices_that_stand_as_it_is_written(make_job, job, meanwhile):
    retrain_if_due(job)
    later = job.as_of + SECOND
    calls = meanwhile(forecasts, "_issue", lambda: revise(make_job(), factor=1.01, at=later))
    made = forecast_next(job).forecast
    assert len(calls) == 2
    assert made.last_close == pytest.approx(calls[0].last_close * 1.01)
    assert (made.issued_at, made.known_at) == (FRIDAY_EVENING, later)
    assert_replays(job)


@pytest.mark.parametrize("clock", [FRIDAY_EVENING - timedelta(days=9), pytest.param(FRIDAY_EVENING, marks=ALL)])
def test_what_is_written_after_a_forecast_is_dated_after_it_whatever_the_clock_says(make_job, job, clock):
    retrain_if_due(job)
    forecast_next(job)
    revise(make_job(), factor=1.01, at=clock)
    with reading(job.engine) as connection:
        (superseded,) = connection.exec_driver_sql("select superseded_at from price_revisions").scalars()
    assert superseded == "2012-03-30 22:00:00.000001"
    assert_replays(job)


def test_a_forecast_comes_from_the_model_that_is_in_use_as_it_is_written(make_job, job, meanwhile):
    retrain_if_due(job)
    monday = make_job(as_of=evening(2012, 4, 2))
    update_simulated(monday)
    other = retrain_if_due(monday, force=True).challenger.model_id
    (before,) = {one.model_id for one in decisions_on(job)} - {other}

    def change_model():
        promote_model(job.engine, before if in_use(monday) == other else other, now=monday.now)

    meanwhile(forecasts, "_issue", change_model)
    assert forecast_next(monday).forecast.model_id == in_use(monday)
    assert_replays(job)


def test_the_first_forecast_stands_also_where_it_came_while_another_was_computed(make_job, job, meanwhile):
    retrain_if_due(job)
    meanwhile(forecasts, "_issue", lambda: forecast_next(make_job(now=job.now - SECOND)))
    issued = forecast_next(job)
    assert not issued.new
    with reading(job.engine) as connection:
        assert connection.exec_driver_sql("select count(*) from forecasts").scalar_one() == 1


def test_a_backtest_is_stored_once(make_job, job, meanwhile):
    meanwhile(backtests, "_make_backtest", lambda: backtest(make_job(), make_trainer(), NIGHTLY))
    done = backtest(job, make_trainer(), NIGHTLY)
    assert not done.new
    with reading(job.engine) as connection:
        rows = connection.exec_driver_sql("select count(*), sum(sessions) from backtests").one()
        assert tuple(rows) == (1, len(done.backtest.forecasts))


@pytest.mark.parametrize("apart", [timedelta(0), pytest.param(SECOND, marks=ALL)])
def test_forecasts_are_scored_once_by_two_runs_at_the_same_moment_on_postgres(settings, postgres, apart):
    url = SecretStr(postgres.make())
    moved = settings.model_copy(update={"database_url": url})
    engines = [open_store(moved) for _ in range(2)]

    def make(engine, as_of):
        return Run(settings=moved, engine=engine, as_of=as_of, now=as_of).job("SIM-FAT", "tutorial")

    friday, monday = make(engines[0], FRIDAY_EVENING), evening(2012, 4, 2)
    update_simulated(friday)
    retrain_if_due(friday)
    forecast_next(friday)
    update_simulated(make(engines[0], monday))
    jobs, start = [make(engine, monday + apart * turn) for turn, engine in enumerate(engines)], Barrier(2)

    def score(job):
        assert job.history.cutoff == monday.date()  # read before
        start.wait()
        return score_forecasts(job).new

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(score, jobs)) == [0, 1]
    with reading(engines[0]) as connection:
        assert connection.exec_driver_sql("select count(*) from scores").scalar_one() == 1
    for engine in engines:
        engine.dispose()
