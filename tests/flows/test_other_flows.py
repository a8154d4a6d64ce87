"""The flows beside the night, on a real Prefect API: what each does, and what its run says."""

from datetime import UTC, date, datetime

import pytest
from scenario import SMALL_TOML, evening

from flows.backtest import backtest
from flows.nightly import nightly
from flows.prune import prune
from flows.retrain import retrain
from flows.update_prices import update_prices
from stockrnn.settings import load_settings
from stockrnn.sources.simulated import simulate_bars
from stockrnn.steps.import_prices import import_prices
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store


@pytest.fixture
def meta(tmp_path):
    """Two years of a real ticker, from a file."""
    from stockrnn.market.calendars import load_calendar

    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)
    sessions = load_calendar("XNYS", through_year=2021).sessions(date(2018, 1, 2), date(2020, 1, 31))
    frame = simulate_bars("TEST", sessions)
    frame.columns = [name.replace("_", " ").title() for name in frame.columns]
    frame.rename_axis("Date").to_csv(tmp_path / "META.csv")
    settings = load_settings()
    engine = open_store(settings)
    now = datetime.now(UTC)
    import_prices(settings, engine, [tmp_path / "META.csv"], ticker="META", calendar=None, currency="USD", as_of=now)
    return engine


def rows(engine, statement):
    with reading(engine) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


@pytest.mark.exhaustive
def test_retrain_trains_what_is_due_and_more_where_it_is_forced(meta):
    state = retrain(return_state=True)
    assert (state.type.value, state.message) == ("COMPLETED", "1 of 1 tickers done")
    assert rows(meta, "select flow, state, error from runs") == [("retrain", "completed", None)]
    retrain()
    assert rows(meta, "select count(*) from models") == [(1,)]
    retrain(spec="quantile", tickers=["META"], force=True)
    assert rows(meta, "select spec from models order by 1") == [("quantile",), ("tutorial",)]


@pytest.mark.exhaustive
def test_backtest_takes_the_month_that_has_ended_or_the_one_named(meta):
    assert backtest(return_state=True).message == "1 of 1 tickers done"
    backtest(holdout="2019-06")
    assert rows(meta, "select substr(holdout_from, 1, 7) from backtests order by 1") == [("2019-06",), ("2020-01",)]
    with pytest.raises(Exception, match="String should match pattern"):
        backtest(holdout="June")


def test_a_run_in_which_every_ticker_failed_has_failed_and_says_why(meta):
    state = retrain(tickers=["NOPE", "ZZZ"], return_state=True)
    assert state.type.value == "FAILED"
    assert state.message.startswith("0 of 2 tickers done; failed: NOPE: no prices are stored")
    ((state, error),) = rows(meta, "select state, error from runs")
    assert state == "failed"
    assert "ZZZ: no prices are stored" in error


def test_a_bad_symbol_is_refused_before_anything_is_done(meta):
    for flow in (retrain, backtest, update_prices):
        with pytest.raises(Exception, match="is not a ticker"):
            flow(tickers=["../../x"])
    assert rows(meta, "select * from runs") == []


def test_prune_says_what_it_freed(meta):
    assert prune(return_state=True).message == "0.0 MB freed: weights of 0 of 0 models"


@pytest.mark.exhaustive
def test_an_hourly_night_works_on_what_is_due_and_ends_at_once_where_nothing_is(tmp_path):
    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)

    def run(as_of):
        return nightly(tickers=["SIM-A"], source="simulated", as_of=as_of, due_only=True, return_state=True)

    assert run(evening(2012, 4, 5)).name == "Completed"
    empty = run(evening(2012, 4, 6))  # Good Friday
    assert empty.is_completed()
    assert (empty.name, empty.message) == (
        "Skipped",
        "no ticker is due; the next bar settles at 2012-04-09 20:00 UTC",
    )
    assert rows(open_store(load_settings()), "select as_of, state from runs") == [
        ("2012-04-05 22:00:00.000000", "completed")
    ]
    assert run(evening(2012, 4, 9)).name == "Completed"
