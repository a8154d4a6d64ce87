"""Walking forward: folds of a month, spread over processes."""

import numpy as np
import pandas as pd
import pytest
from simulated import update_simulated

from stockrnn.evaluation.holdouts import find_verdict
from stockrnn.settings import Settings
from stockrnn.steps.backtest import backtest_holdout
from stockrnn.steps.walk import compare_tickers_together, walk_forward
from stockrnn.store.migrate import open_store
from stockrnn.types import parse_holdout, parse_month

HOLDOUT = parse_holdout("2011-11:2012-02")


@pytest.fixture
def make_jobs(make_job, settings, tmp_path):
    """Make jobs of two tickers in a store of their own."""

    def make(name, tickers=("SIM-A", "SIM-B")):
        own = Settings(home=tmp_path / name, specs=settings.specs)
        engine = open_store(own)
        jobs = [make_job(ticker, home=own.home) for ticker in tickers]
        for job in jobs:
            object.__setattr__(job, "engine", engine)
            update_simulated(job)
        return jobs

    return make


def test_the_numbers_are_the_same_for_any_number_of_processes(make_jobs):
    one = walk_forward(make_jobs("one"), HOLDOUT, processes=1)
    two = walk_forward(make_jobs("two"), HOLDOUT, processes=2)
    assert [test.ticker for test in one.backtests] == ["SIM-A", "SIM-B"]
    for here, there in zip(one.backtests, two.backtests, strict=True):
        pd.testing.assert_frame_equal(here.forecasts, there.forecasts, check_exact=True)
        assert here.backtest_id == there.backtest_id
        assert str(here.metrics) == str(there.metrics)  # some are NaN, which equals nothing


def test_a_walk_is_its_months_in_a_row_and_each_is_a_fold_that_stands_alone(make_jobs):
    jobs = make_jobs("home")
    seen = []
    walked = walk_forward(jobs, HOLDOUT, processes=2, on_fold=seen.append)
    assert (len(seen), seen[-1].done, seen[-1].total, seen[-1].seconds_left) == (8, 8, 8, 0)
    (whole, _) = walked.backtests
    assert (whole.folds, str(whole.cutoff), len(whole.losses)) == (4, "2011-10-31", 4)
    january = backtest_holdout(jobs[0], parse_month("2012-01"))
    assert not january.new
    part = whole.forecasts.loc["2012-01"]
    assert len(part) == 20
    assert part["predicted"].tolist() == january.backtest.forecasts["predicted"].tolist()
    # sixty sessions of earlier folds are known by then; a month alone has to begin with none
    assert part["lower_95"].notna().all()
    assert january.backtest.forecasts["lower_95"].notna().sum() == 1


def test_a_walk_that_was_stopped_goes_on_where_it_was(make_jobs):
    jobs = make_jobs("home")
    walk_forward(jobs, parse_holdout("2011-11:2011-12"), processes=2)
    with jobs[0].engine.begin() as connection:
        before = connection.exec_driver_sql("select backtest_id, created_at from backtests where folds = 1").all()
    walk_forward(jobs, HOLDOUT, processes=1)
    with jobs[0].engine.begin() as connection:
        after = connection.exec_driver_sql("select backtest_id, created_at from backtests where folds = 1").all()
    assert set(before) < set(after)
    assert len(after) == 8


def test_a_ticker_that_can_not_be_tested_is_named_and_does_not_stop_the_others(make_jobs, make_job):
    jobs = make_jobs("home")
    stranger = make_job("NOPE", home=jobs[0].settings.home)
    walked = walk_forward([*jobs, stranger], HOLDOUT, processes=2)
    assert [test.ticker for test in walked.backtests] == ["SIM-A", "SIM-B"]
    assert list(walked.failures) == ["NOPE"]
    assert "no prices are stored" in walked.failures["NOPE"]


def test_several_tickers_are_judged_together_by_dates(make_jobs):
    jobs = make_jobs("home")
    walked = walk_forward(jobs, HOLDOUT, processes=2)
    sessions = len(walked.backtests[0].forecasts)
    assert compare_tickers_together(walked.backtests, target="open").n == sessions
    doubled = (walked.backtests[0], walked.backtests[0])
    alone = find_verdict(walked.backtests[0].forecasts, target="open")
    # the same ticker twice is no more evidence than once
    assert compare_tickers_together(doubled, target="open").relation == alone.relation
    assert np.isfinite(compare_tickers_together(doubled, target="open").p_value)
