"""One quantile model for all tickers of a market: trained once, forecast from, replayed, tested."""

import re

import pandas as pd
import pytest
from inline import backtest_holdout, make_trainer, refuse, retrain_if_due, update_simulated
from scenario import FRIDAY_EVENING, SMALL, SMALL_QUANTILE, evening

from stockrnn.cli.results import print_backtest
from stockrnn.errors import HoldoutError, NotEnoughHistoryError
from stockrnn.evaluation.har import HarRegression
from stockrnn.settings import Settings
from stockrnn.steps.backtest import last_whole_month
from stockrnn.steps.benchmarks import make_benchmarks
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.replay import replay_all
from stockrnn.steps.retrain import describe_retrained
from stockrnn.steps.run import Run
from stockrnn.steps.score import score_forecasts
from stockrnn.steps.universe import Universe
from stockrnn.steps.walk import walk_forward
from stockrnn.store.engine import reading
from stockrnn.store.guards import remove_guards
from stockrnn.types import parse_holdout

TICKERS = ("SIM-A", "SIM-B", "SIM-FAT")


@pytest.fixture
def make(tmp_path, engine):
    """Make a job of the quantile spec on the simulated market."""
    settings = Settings(home=tmp_path / "home", specs={"tutorial": SMALL, "quantile": SMALL_QUANTILE})

    def make(ticker="SIM-A", *, as_of=FRIDAY_EVENING, **changes):
        changed = settings.model_copy(update=changes)
        return Run(settings=changed, engine=engine, as_of=as_of, now=as_of).job(ticker, "quantile")

    return make


@pytest.fixture
def stored(make):
    """Prices as they were known on that Friday, and three months more that came later."""
    for as_of in (FRIDAY_EVENING, evening(2012, 6, 29)):
        for ticker in TICKERS:
            update_simulated(make(ticker, as_of=as_of))


def rows(engine, statement):
    with reading(engine) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


@pytest.mark.usefixtures("stored")
@pytest.mark.exhaustive
def test_one_training_serves_all_tickers(make):
    first, second = retrain_if_due(make("SIM-A")), retrain_if_due(make("SIM-B"))
    assert first.reason == "no model yet"
    assert (second.challenger, second.model.model_id) == (None, first.model.model_id)
    assert (first.model.ticker, first.model.market) == (None, "simulated")
    assert first.model.config["tickers"] == list(TICKERS)
    assert first.decision.evidence["sessions"] == 20
    assert describe_retrained(second, spec="quantile")[0].startswith("quantile: no training due")


@pytest.mark.usefixtures("stored")
@pytest.mark.exhaustive
def test_the_universe_is_that_of_the_settings_where_they_name_one(make):
    assert retrain_if_due(make("SIM-A", tickers=("SIM-A", "SIM-B"))).model.config["tickers"] == ["SIM-A", "SIM-B"]


@pytest.mark.usefixtures("stored")
def test_a_forecast_names_quantiles_its_intervals_are_among_them_and_it_can_be_replayed(make, engine):
    retrain_if_due(make())
    for ticker in TICKERS:
        forecast = forecast_next(make(ticker)).forecast
        quantiles = list(forecast.quantiles.values())
        assert len(quantiles) == 9
        assert quantiles == sorted(quantiles)
        assert forecast.predicted == forecast.quantiles["0.5"]
        assert (forecast.lower_80, forecast.upper_95) == (forecast.quantiles["0.1"], forecast.quantiles["0.975"])
    replayed = list(replay_all(engine))
    assert len(replayed) == 3
    assert all(one.matches for one in replayed)


@pytest.mark.usefixtures("stored")
@pytest.mark.exhaustive
def test_a_changed_price_is_found_by_replay(make, engine):
    retrain_if_due(make())
    forecast_next(make())
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "update prices set high = high * 1.5 where ticker='SIM-A' and session='2012-03-28'"
        )
    (replayed,) = replay_all(engine)
    assert "the stored prices of its window are not those it was made from" in replayed.differences[0]


@pytest.mark.usefixtures("stored")
@pytest.mark.exhaustive
def test_nothing_after_the_night_is_looked_at(make, engine):
    retrain_if_due(make())
    seen = forecast_next(make()).forecast
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "update prices set close = close * 1.01, high = high * 1.02 where session > '2012-03-30'"
        )
        remove_guards(connection)
        for table in ("forecasts", "promotions", "models"):
            connection.exec_driver_sql(f"delete from {table}")
    again = retrain_if_due(make())
    assert forecast_next(make()).forecast == seen
    assert again.model.model_id == seen.model_id


@pytest.mark.usefixtures("stored")
@pytest.mark.exhaustive
def test_scores_tell_whether_the_intervals_held(make, engine):
    retrain_if_due(make())
    forecast_next(make())
    later = make(as_of=evening(2012, 4, 2))
    assert score_forecasts(later).new == 1
    ((inside, pinball),) = rows(engine, "select inside_80, pinball from scores")
    assert inside in {0, 1}
    assert pinball > 0


@pytest.mark.usefixtures("stored")
def test_the_nights_backtest_takes_a_model_in_use_and_stands_when_there_is_a_later_one(make, engine):
    retrain_if_due(make())
    holdout = last_whole_month(make())
    assert str(holdout) == "2012-03"
    with pytest.raises(AssertionError, match="no training"):
        backtest_holdout(make(), holdout, in_use=True, fit=refuse)  # its trial begins inside the month
    tested = backtest_holdout(make(as_of=evening(2012, 6, 29)), parse_holdout("2012-06"), in_use=True, fit=refuse)
    retrain_if_due(make(as_of=evening(2012, 6, 15)))
    again = backtest_holdout(make(as_of=evening(2012, 6, 29)), parse_holdout("2012-06"), in_use=True)
    assert not again.new
    assert again.backtest.backtest_id == tested.backtest.backtest_id
    assert set(tested.backtest.metrics) >= {"quantile", "naive", "ewma", "gjr_garch"}
    ewma = tested.backtest.metrics["ewma"]
    assert ewma["pinball"] > 0
    assert 0.5 < ewma["coverage_80"] <= 1


@pytest.mark.usefixtures("stored")
def test_a_backtest_trains_on_all_tickers_up_to_the_month_and_only_once(make, engine):
    job = make(as_of=evening(2012, 6, 29))
    holdout = parse_holdout("2012-05")
    tested = backtest_holdout(job, holdout).backtest
    assert (str(tested.cutoff), len(tested.forecasts)) == ("2012-04-30", 22)
    other = backtest_holdout(make("SIM-B", as_of=evening(2012, 6, 29)), holdout, fit=refuse).backtest
    assert other.windows == tested.windows
    # of the model that serves both, taken from the store the second time
    ((seconds,),) = rows(engine, "select train_seconds from models")
    assert other.train_seconds == tested.train_seconds == seconds > 0
    assert other.parameters == tested.parameters
    assert rows(engine, "select count(*) from models") == [(1,)]
    assert rows(engine, "select count(*) from promotions") == [(0,)]  # nobody uses it
    assert retrain_if_due(job).reason == "no model yet"


@pytest.mark.usefixtures("stored")
@pytest.mark.exhaustive
def test_a_walk_of_two_months_is_judged_beside_econometrics(make):
    jobs = [make(as_of=evening(2012, 6, 29))]
    (walked,) = walk_forward(jobs, parse_holdout("2012-04:2012-05"), trainer=make_trainer()).backtests
    assert walked.folds == 2
    assert set(walked.metrics) >= {"quantile", "ewma", "gjr_garch", "har_fhs", "har_quantiles"}
    assert 0 <= walked.metrics["har_quantiles"]["pinball_p_value"] <= 1
    assert walked.forecasts["lower_80"].notna().all()


@pytest.mark.usefixtures("stored")
@pytest.mark.exhaustive
def test_har_is_fitted_once_in_a_run_on_all_tickers_as_known_before_the_holdout(make, monkeypatch, capsys):
    fitted, fit = [], HarRegression.fit

    def count(bars, **options):
        fitted.append(bars)
        return fit(bars, **options)

    monkeypatch.setattr(HarRegression, "fit", count)
    job, holdout = make(as_of=evening(2012, 6, 29)), parse_holdout("2012-05")
    tested = [backtest_holdout(job.run.job(ticker, "quantile"), holdout).backtest for ticker in TICKERS]
    (bars,) = fitted
    assert set(bars) == set(TICKERS)
    assert {str(known.index[-1].date()) for known in bars.values()} == {"2012-04-30"}
    assert all(one.metrics["har_quantiles"]["pinball_sessions"] == 22 for one in tested)
    assert all(one.metrics["har_fhs"]["pinball_sessions"] == 22 for one in tested)
    print_backtest(tested[0])
    *_, verdict, intervals, blank, _end = capsys.readouterr().out.split("\n")
    assert verdict.startswith("verdict   ")
    assert re.match("intervals (no better than|worse than|too few)", intervals)
    assert blank == ""


@pytest.mark.usefixtures("stored")
@pytest.mark.exhaustive
def test_where_no_ticker_was_known_before_the_holdout_har_is_fitted_on_none(make, monkeypatch):
    nothing = Universe(bars={}, trial=pd.DatetimeIndex([]))
    monkeypatch.setattr("stockrnn.steps.benchmarks.read_universe", lambda _: nothing)
    job = make(as_of=evening(2012, 6, 29))
    found = make_benchmarks(job, job.history.bars.loc["2012-05"].index)
    assert set(found) == {"ewma", "gjr_garch", "har_fhs"}


@pytest.mark.usefixtures("stored")
def test_a_ticker_that_no_model_was_trained_on_is_forecast_too(make):
    retrain_if_due(make("SIM-A", tickers=("SIM-A", "SIM-B")))
    assert forecast_next(make("SIM-FAT", tickers=("SIM-A", "SIM-B"))).forecast.lower_95 > 0


@pytest.mark.usefixtures("stored")
def test_where_the_tickers_of_the_settings_have_no_prices_yet_it_says_so(make, engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("delete from prices where ticker = 'SIM-B' and session < '2012-06-01'")
    with pytest.raises(HoldoutError, match="no ticker has prices to train on"):
        retrain_if_due(make("SIM-A", tickers=("SIM-B",)))


def test_a_ticker_with_too_short_a_history_says_what_is_needed(make, stored):
    retrain_if_due(make())
    young = make("SIM-A", as_of=evening(2010, 6, 30))
    with pytest.raises(NotEnoughHistoryError, match="at least 250 are needed"):
        backtest_holdout(young, parse_holdout("2010-06"))
