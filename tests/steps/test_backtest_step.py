"""A backtest from the store to the store."""

import numpy as np
import pytest
from inline import backtest_holdout, refuse, update_simulated
from scenario import evening

from stockrnn.errors import HoldoutError
from stockrnn.steps.backtest import last_whole_month
from stockrnn.store.backtests import read_backtest
from stockrnn.store.engine import reading
from stockrnn.training.requests import fit_request
from stockrnn.types import parse_day, parse_month

FEBRUARY = parse_month("2012-02")


def test_a_backtest_is_kept_with_its_forecasts_and_metrics(job):
    done = backtest_holdout(job, FEBRUARY)
    with reading(job.engine) as connection:
        stored = read_backtest(connection, done.backtest.backtest_id)
    assert len(stored.forecasts) == 20
    assert (str(stored.cutoff), stored.training_sessions, stored.windows) == ("2012-01-31", 200, 195)
    assert np.isnan(stored.metrics["last_close"]["directional_accuracy"])  # of an open it names no direction
    for model, metrics in done.backtest.metrics.items():
        assert stored.metrics[model] == pytest.approx(metrics, rel=0, abs=0, nan_ok=True)
    assert set(stored.metrics) == {"tutorial", "naive", "last_close", "drift", "moving_average"}
    shares = ("directional_accuracy", "coverage_80", "coverage_95")
    assert set(stored.metrics["tutorial"]) == {
        "rmse", "mae", "mape", "bias", "relative_mae", "skill", "dm_p_value", "interval_score_80",
        "pinball", "pinball_sessions",
        *(f"{share}{part}" for share in shares for part in ("", "_sessions", "_lower", "_upper")),
    }  # fmt: skip


def test_a_backtest_knows_how_many_numbers_its_model_learned_and_how_long_that_took(job):
    asked = []

    def fit(request, on_epoch):
        asked.append(fit_request(request, on_epoch))
        return asked[-1]

    backtest_holdout(job, FEBRUARY, fit=fit)
    again = backtest_holdout(job, FEBRUARY, fit=refuse).backtest
    # 4 gates of 4 units, each with 1 input, 4 states and a bias; then a weight per unit and a bias
    assert again.parameters == 4 * 4 * (1 + 4 + 1) + 4 + 1
    assert again.train_seconds == asked[0].train_seconds > 0


def test_the_baselines_are_the_open_and_the_close_of_the_session_before(job):
    table = backtest_holdout(job, FEBRUARY).backtest.forecasts
    bars = job.history.bars
    before = bars.loc[: table.index[0]].iloc[-2]
    assert table["naive"].iloc[0] == before["open"]
    assert table["last_close"].iloc[0] == before["close"]
    assert table["actual"].tolist() == bars.loc[table.index, "open"].tolist()
    assert table["naive"].tolist()[1:] == table["actual"].tolist()[:-1]


def test_a_second_backtest_of_the_same_is_read_not_computed(job):
    first = backtest_holdout(job, FEBRUARY)
    again = backtest_holdout(job, FEBRUARY)
    assert (first.new, again.new) == (True, False)
    assert again.backtest.forecasts["predicted"].tolist() == first.backtest.forecasts["predicted"].tolist()


def test_training_can_begin_at_a_date(job):
    backtest = backtest_holdout(job, FEBRUARY, train_from=parse_day("2011-12-01")).backtest
    assert str(backtest.trained_from) == "2011-12-01"
    assert backtest.training_sessions == 41


def test_nothing_after_the_holdout_changes_it(make_job, job):
    first = backtest_holdout(job, FEBRUARY).backtest
    later = make_job(as_of=evening(2012, 6, 29))
    update_simulated(later)
    assert backtest_holdout(later, FEBRUARY).backtest.backtest_id == first.backtest_id


def test_a_month_without_stored_sessions_is_refused(job):
    with pytest.raises(HoldoutError, match=r"SIM-FAT: the holdout 2019-01 has no stored session"):
        backtest_holdout(job, parse_month("2019-01"))


@pytest.mark.parametrize(
    ("day", "month"), [((2012, 3, 30), "2012-03"), ((2012, 3, 29), "2012-02"), ((2012, 4, 2), "2012-03")]
)
def test_the_last_whole_month_ends_at_or_before_the_cutoff(make_job, day, month):
    job = make_job(as_of=evening(*day))
    update_simulated(job)
    assert str(last_whole_month(job)) == month
