"""What is said of steps: an adjusted close never stands beside the last close, which is on another scale."""

import pytest
from inline import backtest_holdout, retrain_if_due, update_simulated

from stockrnn.steps.describe import describe_backtested, describe_issued
from stockrnn.steps.forecast import forecast_next
from stockrnn.types import parse_month


@pytest.mark.parametrize(("target", "beside"), [("open", True), ("close", True), ("adj_close", False)])
def test_the_last_close_stands_beside_forecasts_that_are_on_its_scale_alone(make_job, target, beside):
    job = make_job(target=target)
    update_simulated(job)
    retrain_if_due(job)
    issued = forecast_next(job)
    made = issued.forecast
    shown = f", last close {made.last_close:.2f}" if beside else ""
    assert describe_issued(issued) == (
        f"tutorial forecasts {target} of 2012-04-02 {made.predicted:.2f}, naive {made.naive:.2f}{shown} (live)"
    )
    said = describe_backtested(backtest_holdout(job, parse_month("2012-02")))
    assert ("last close" in said) == beside
    assert ", naive " in said
