"""The errors of many forecasts: which ones count, and which score or backtest of each."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from stockrnn.evaluation.standings import find_errors
from stockrnn.store.backtests import write_backtest
from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import write_forecast
from stockrnn.store.models import write_model
from stockrnn.store.record import read_live_errors, read_live_record, read_tested_errors
from stockrnn.store.scores import write_missed, write_scores
from stockrnn.types import ERROR_COLUMNS, MissedNight, Score

NOON = datetime(2024, 1, 12, 12, tzinfo=UTC)
LAST = date(2024, 12, 31)
KEY = {"ticker": "META", "target": "open", "spec": "tutorial"}
DAYS = (3, 4, 5)


def make_score(forecast_id, *, scored_at=NOON, error=1.0, **changes):
    values = {
        "basis": 1.0,
        "actual": 340.0,
        "naive_error": 2.0,
        "last_close_error": -1.0,
        "drift_error": 0.25,
        "moving_average_error": 0.5,
        "inside_80": True,
        "inside_95": None,
        "direction_correct": False,
        "pinball": None,
    }
    return Score(**(values | changes), forecast_id=forecast_id, scored_at=scored_at, error=error)


@pytest.fixture
def ledger(engine, write_simulated, make_model, make_forecast):
    """Live forecasts of META for 4, 5 and 8 January, the first two scored; 9 January missed."""
    write_simulated({f"2024-01-0{day}": (344.5, 348.15, 343.4, 347.12, 346.77, 12_099_900.0) for day in DAYS})
    with writing(engine) as connection:
        write_model(connection, make_model(cutoff=date(2024, 1, 2)))
        for day, session in zip(DAYS, (4, 5, 8), strict=True):
            write_forecast(
                connection,
                make_forecast(
                    forecast_id=f"f{session}", cutoff=date(2024, 1, day), target_session=date(2024, 1, session)
                ),
            )
        write_scores(connection, [make_score("f4", error=4.0), make_score("f5", error=5.0)])
        night = {"cutoff": date(2024, 1, 8), "target_session": date(2024, 1, 9), "reason": "no run was made"}
        write_missed(connection, [MissedNight(**KEY, **night, detected_at=NOON)])
    return engine


def load(engine, read_record, **options):
    with reading(engine) as connection:
        return read_record(connection, **options)


def test_the_live_record_holds_what_was_scored_and_what_was_missed(ledger):
    record = load(ledger, read_live_record, **KEY, through=LAST)
    assert record.missed == (date(2024, 1, 9),)
    assert record.errors["session"].to_list() == [pd.Timestamp("2024-01-04"), pd.Timestamp("2024-01-05")]
    first = record.errors.iloc[0]
    assert (first["predicted"], first["naive"], first["last_close"], first["scale"]) == (4.0, 2.0, -1.0, 347.12)
    assert (first["drift"], first["moving_average"]) == (0.25, 0.5)
    assert (first["inside_80"], first["direction_correct"]) == (1.0, 0.0)
    assert pd.isna(first["inside_95"])


def test_nothing_after_the_last_session_asked_for_is_in_it(ledger):
    record = load(ledger, read_live_record, **KEY, through=date(2024, 1, 4))
    assert record.errors["predicted"].to_list() == [4.0]
    assert record.missed == ()


def test_the_newest_are_the_last_sessions_in_their_order(ledger):
    assert load(ledger, read_live_record, **KEY, through=LAST, newest=1).errors["predicted"].to_list() == [5.0]
    both = load(ledger, read_live_record, **KEY, through=LAST, newest=2).errors
    assert both["predicted"].to_list() == [4.0, 5.0]


def test_the_last_score_of_a_forecast_counts_in_the_shares_of_its_time(ledger):
    with writing(ledger) as connection:
        again = make_score("f4", scored_at=NOON + timedelta(hours=1), error=0.25, basis=0.25)
        write_scores(connection, [again])
    errors = load(ledger, read_live_record, **KEY, through=LAST).errors
    assert errors["predicted"].to_list() == [0.25, 5.0]
    assert errors["scale"].to_list() == [347.12 / 4, 347.12]


def test_hindcasts_and_other_specs_are_no_live_record(ledger, make_forecast):
    with writing(ledger) as connection:
        write_forecast(connection, make_forecast(forecast_id="h5", kind="hindcast"))
        write_forecast(connection, make_forecast(forecast_id="o5", spec="other"))
        write_scores(connection, [make_score("h5"), make_score("o5", error=9.0)])
    assert len(load(ledger, read_live_record, **KEY, through=LAST).errors) == 2
    errors = load(ledger, read_live_errors, target="open", through=LAST, simulated=True)
    assert list(errors.columns) == list(ERROR_COLUMNS)
    assert list(zip(errors["spec"], errors["predicted"], strict=True)) == [
        ("tutorial", 4.0),
        ("other", 9.0),
        ("tutorial", 5.0),
    ]
    assert load(ledger, read_live_errors, target="close", through=LAST, simulated=True).empty


def test_real_and_simulated_tickers_are_never_pooled(ledger, write, make_backtest):
    write({"2024-01-03": (344.5, 348.15, 343.4, 347.12, 346.77, 12_099_900.0)}, ticker="REAL")
    with writing(ledger) as connection:
        write_backtest(connection, make_backtest(backtest_id="real", ticker="REAL"))
        write_backtest(connection, make_backtest(backtest_id="invented"))
    assert load(ledger, read_live_errors, target="open", through=LAST, simulated=False).empty
    for simulated, ticker in ((True, "META"), (False, "REAL")):
        tested = load(ledger, read_tested_errors, target="open", through=LAST, simulated=simulated)
        assert set(tested["ticker"]) == {ticker}


def test_errors_of_a_backtest_are_forecast_minus_actual(ledger, make_backtest):
    backtest = make_backtest()
    with writing(ledger) as connection:
        write_backtest(connection, backtest)
    stored = load(ledger, read_tested_errors, target="open", through=LAST, simulated=True)
    table = backtest.forecasts
    for errors in (stored, find_errors(backtest)):
        assert list(errors.columns) == list(ERROR_COLUMNS)
        assert errors["predicted"].to_list() == (table["predicted"] - table["actual"]).to_list()
        assert errors["drift"].to_list() == (table["drift"] - table["actual"]).to_list()
        assert errors["scale"].to_list() == table["last_close"].to_list()
        assert errors["session"].to_list() == table.index.to_list()


def test_of_a_session_that_several_backtests_forecast_the_last_made_counts(ledger, make_backtest):
    table = make_backtest().forecasts
    later = table.assign(predicted=table["actual"] + 3.0).iloc[1:]
    with writing(ledger) as connection:
        write_backtest(connection, make_backtest(backtest_id="z"))
        write_backtest(
            connection, make_backtest(backtest_id="a", forecasts=later, created_at=NOON + timedelta(hours=1))
        )
    errors = load(ledger, read_tested_errors, target="open", through=LAST, simulated=True)
    assert errors["predicted"].to_list() == [0.5, 3.0]
    early = load(ledger, read_tested_errors, target="open", through=date(2020, 1, 2), simulated=True)
    assert early["predicted"].to_list() == [0.5]
