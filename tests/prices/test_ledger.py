"""What the ledger refuses, on SQLite and on Postgres alike."""

from datetime import UTC, date, datetime, timedelta

import pytest
from nights import on_both_databases
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from stockrnn.errors import StoreError
from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import write_forecast
from stockrnn.store.schema import forecasts, instruments, missed_nights, models, prices, scores
from stockrnn.types import Forecast

pytestmark = on_both_databases

NOW = datetime.now(UTC)
CUTOFF = date(2024, 1, 4)
ISSUED = datetime(2024, 1, 4, 22, tzinfo=UTC)


def make_forecast(**changes):
    values = {
        "forecast_id": "f", "ticker": "META", "target": "open", "spec": "tutorial", "cutoff": CUTOFF,
        "kind": "hindcast", "target_session": date(2024, 1, 5),
        "target_opens_at": datetime(2024, 1, 5, 14, 30, tzinfo=UTC),
        "model_id": "m", "issued_at": ISSUED, "predicted": 1.0, "naive": 1.0, "last_close": 1.0, "drift": 1.0,
        "moving_average": 1.0, "window_sha256": "w",
    }  # fmt: skip
    return Forecast(**(values | changes))


@pytest.fixture
def ledger(engine):
    """META with a bar of a real source, SIM-A with a simulated one, and a row in each table of the ledger."""
    bar = {"session": CUTOFF, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "observed_at": ISSUED}
    model = {
        "model_id": "m", "spec": "tutorial", "market": "real", "target": "open", "lookback": 5,
        "trained_from": CUTOFF, "cutoff": CUTOFF,
        "seed": 0, "epochs": 1, "loss": 0.0, "windows": 1, "weights": b"", "weights_sha256": "",
        "config": {},
        "data_sha256": "", "versions": {}, "trained_at": ISSUED, "train_seconds": 0.0,
    }  # fmt: skip
    score = {"actual": 1.0, "error": 0.0, "naive_error": 0.0, "last_close_error": 0.0, "basis": 1.0}
    score |= {"drift_error": 0.0, "moving_average_error": 0.0}
    night = {"ticker": "META", "target": "open", "spec": "tutorial", "target_session": CUTOFF, "cutoff": CUTOFF}
    with writing(engine) as connection:
        for ticker, source in (("META", "yahoo"), ("SIM-A", "simulated")):
            known = {"ticker": ticker, "calendar": "XNYS", "active": True, "no_data_nights": 0}
            connection.execute(instruments.insert(), known)
            connection.execute(prices.insert(), {"ticker": ticker, "source": source, **bar})
        connection.execute(models.insert(), model)
        write_forecast(connection, make_forecast())
        connection.execute(scores.insert(), {"forecast_id": "f", "scored_at": ISSUED, **score})
        connection.execute(missed_nights.insert(), {"reason": "no run was made", "detected_at": ISSUED, **night})
    return engine


@pytest.mark.parametrize("table", ["forecasts", "scores", "missed_nights"])
@pytest.mark.parametrize("statement", ["update {} set {} = {}", "delete from {}"])
def test_plain_sql_can_not_rewrite_it_and_is_told_why(ledger, table, statement):
    column = {"forecasts": "predicted", "scores": "actual", "missed_nights": "reason"}[table]
    with pytest.raises(DBAPIError, match=f"{table} can not be rewritten: "), ledger.begin() as connection:
        connection.execute(text(statement.format(table, column, column)))
    with reading(ledger) as connection:
        assert connection.scalar(text(f"select count(*) from {table}")) == 1


@pytest.mark.parametrize("table", ["forecasts", "scores", "missed_nights"])
def test_neither_can_what_each_database_has_besides(ledger, table):
    sqlite = ledger.dialect.name == "sqlite"
    statement = "insert or replace into {0} select * from {0}" if sqlite else "truncate {0} cascade"
    with pytest.raises(DBAPIError, match="can not be rewritten: "), ledger.begin() as connection:
        connection.execute(text(statement.format(table)))


def test_a_second_forecast_of_a_key_leaves_the_first_one_standing(ledger):
    with writing(ledger) as connection:
        standing = write_forecast(connection, make_forecast(forecast_id="other", predicted=9.0))
    assert standing == make_forecast()


def test_the_clock_of_the_database_says_when_a_forecast_was_recorded(ledger):
    with reading(ledger) as connection:
        recorded = connection.scalar(select(forecasts.c.recorded_at))
    assert abs(recorded - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_live_forecast_of_a_real_ticker_can_not_be_recorded_after_the_open(ledger):
    late = make_forecast(forecast_id="late", kind="live")
    with pytest.raises(StoreError, match="recorded before its target session opens"), writing(ledger) as connection:
        write_forecast(connection, late)
    early = make_forecast(forecast_id="early", kind="live", target_opens_at=NOW + timedelta(days=1), issued_at=NOW)
    with writing(ledger) as connection:
        assert write_forecast(connection, early) == early


def test_only_the_simulated_market_has_a_time_of_its_own(ledger):
    simulated = make_forecast(forecast_id="simulated", ticker="SIM-A", kind="live")
    with writing(ledger) as connection:
        assert write_forecast(connection, simulated) == simulated
    after = make_forecast(forecast_id="after", ticker="SIM-A", kind="live", spec="other", issued_at=NOW)
    with pytest.raises(StoreError, match="live_before_open"), writing(ledger) as connection:
        write_forecast(connection, after)
