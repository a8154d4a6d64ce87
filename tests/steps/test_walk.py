"""Walking forward: folds of a month, trained several at a time."""

import numpy as np
import pandas as pd
import pytest
from inline import InlineExecutor, backtest_holdout, update_simulated
from scenario import FRIDAY_EVENING

from stockrnn.evaluation.holdouts import find_verdict
from stockrnn.progress import LogProgress
from stockrnn.settings import Settings
from stockrnn.steps.run import Run
from stockrnn.steps.walk import compare_tickers_together, walk_forward
from stockrnn.store.migrate import open_store
from stockrnn.training.processes import ProcessExecutor
from stockrnn.training.trainer import Trainer
from stockrnn.types import parse_holdout, parse_month, split_months

HOLDOUT = parse_holdout("2011-11:2012-02")


@pytest.fixture
def make_jobs(settings, tmp_path):
    """Make jobs of two tickers in a store of their own."""

    def make(name, tickers=("SIM-A", "SIM-B")):
        own = Settings(home=tmp_path / name, specs=settings.specs)
        run = Run(settings=own, engine=open_store(own), as_of=FRIDAY_EVENING, now=FRIDAY_EVENING)
        jobs = run.jobs(tickers, ["tutorial"])
        for job in jobs:
            update_simulated(job)
        return jobs

    return make


def walk(jobs, span, *, executor=None, **options):
    trainer = Trainer(executor or InlineExecutor(), LogProgress())
    walked = walk_forward(jobs, span, trainer=trainer, **options)
    trainer.close()
    return walked


@pytest.mark.exhaustive
def test_the_numbers_are_the_same_here_and_in_any_number_of_processes(make_jobs):
    one = walk(make_jobs("one"), HOLDOUT)
    two = walk(make_jobs("two"), HOLDOUT, executor=ProcessExecutor(processes=2))
    assert [test.ticker for test in one.backtests] == ["SIM-A", "SIM-B"]
    for here, there in zip(one.backtests, two.backtests, strict=True):
        pd.testing.assert_frame_equal(here.forecasts, there.forecasts, check_exact=True)
        assert here.backtest_id == there.backtest_id
        assert str(here.metrics) == str(there.metrics)  # some are NaN, which equals nothing


def test_a_walk_is_its_months_in_a_row_and_each_is_a_fold_that_stands_alone(make_jobs):
    jobs = make_jobs("home")
    seen = []
    walked = walk(jobs, HOLDOUT, on_fold=seen.append)
    assert (len(seen), seen[-1].done, seen[-1].total, seen[-1].seconds_left) == (8, 8, 8, 0)
    (whole, _) = walked.backtests
    assert (whole.folds, str(whole.cutoff), len(whole.losses)) == (4, "2011-10-31", 4)
    january = backtest_holdout(jobs[0], parse_month("2012-01"))
    assert not january.new
    months = [backtest_holdout(jobs[0], part).backtest for part in split_months(HOLDOUT, months=1)]
    assert whole.train_seconds == pytest.approx(sum(month.train_seconds for month in months))
    assert whole.parameters == january.backtest.parameters
    part = whole.forecasts.loc["2012-01"]
    assert len(part) == 20
    assert part["predicted"].tolist() == january.backtest.forecasts["predicted"].tolist()
    # sixty sessions of earlier folds are known by then; a month alone has to begin with none
    assert part["lower_95"].notna().all()
    assert january.backtest.forecasts["lower_95"].notna().sum() == 1


def test_a_fold_of_several_months_is_trained_once_before_the_first_of_them(make_jobs):
    jobs = make_jobs("home", tickers=("SIM-A",))
    seen = []
    (whole,) = walk(jobs, HOLDOUT, fold_months=3, on_fold=seen.append).backtests
    assert [str(fold.span) for fold in seen] == ["2011-11-01 to 2012-01-31", "2012-02"]
    assert whole.folds == 2
    quarter = backtest_holdout(jobs[0], parse_holdout("2011-11:2012-01"))
    assert not quarter.new
    assert str(quarter.backtest.cutoff) == "2011-10-31"
    assert whole.forecasts["predicted"].tolist()[: len(quarter.backtest.forecasts)] == (
        quarter.backtest.forecasts["predicted"].tolist()
    )


def test_a_walk_that_was_stopped_goes_on_where_it_was(make_jobs):
    jobs = make_jobs("home")
    walk(jobs, parse_holdout("2011-11:2011-12"))
    with jobs[0].engine.begin() as connection:
        before = connection.exec_driver_sql("select backtest_id, created_at from backtests where folds = 1").all()
    walk(jobs, HOLDOUT)
    with jobs[0].engine.begin() as connection:
        after = connection.exec_driver_sql("select backtest_id, created_at from backtests where folds = 1").all()
    assert set(before) < set(after)
    assert len(after) == 8


def test_a_ticker_that_can_not_be_tested_is_named_and_does_not_stop_the_others(make_jobs):
    jobs = make_jobs("home")
    walked = walk([*jobs, jobs[0].run.job("NOPE", "tutorial")], HOLDOUT)
    assert [test.ticker for test in walked.backtests] == ["SIM-A", "SIM-B"]
    assert list(walked.failures) == [("NOPE", "tutorial")]
    assert "no prices are stored" in walked.failures["NOPE", "tutorial"]


def test_several_tickers_are_judged_together_by_dates(make_jobs):
    jobs = make_jobs("home")
    walked = walk(jobs, HOLDOUT)
    sessions = len(walked.backtests[0].forecasts)
    assert compare_tickers_together(walked.backtests, target="open").n == sessions
    doubled = (walked.backtests[0], walked.backtests[0])
    alone = find_verdict(walked.backtests[0].forecasts, target="open")
    # the same ticker twice is no more evidence than once
    assert compare_tickers_together(doubled, target="open").relation == alone.relation
    assert np.isfinite(compare_tickers_together(doubled, target="open").p_value)
