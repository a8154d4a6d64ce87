"""A store with a record, and attacks on it with plain SQL."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime

import psycopg
from sqlalchemy import insert, select

from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import write_forecast
from stockrnn.store.guarded import GUARDED
from stockrnn.store.schema import METADATA, instruments, missed_nights, models, prices, promotions, scores
from stockrnn.types import Forecast

CUTOFF, SESSION = date(2024, 1, 4), date(2024, 1, 5)
ISSUED, OPEN = datetime(2024, 1, 4, 22, tzinfo=UTC), datetime(2024, 1, 5, 14, 30, tzinfo=UTC)
SHADOWS = "create table pg_temp.{0} as select * from public.{0}; update pg_temp.{0} set {1} = 'simulated'"

KEPT = ("instruments", "prices", *GUARDED)


def make_forecast(**changes):
    values = {
        "forecast_id": "f", "ticker": "META", "target": "open", "spec": "tutorial", "cutoff": CUTOFF,
        "kind": "hindcast", "target_session": SESSION, "target_opens_at": OPEN, "model_id": "m", "issued_at": ISSUED,
        "predicted": 1.0, "naive": 1.0, "last_close": 1.0, "drift": 1.0, "moving_average": 1.0, "window_sha256": "w",
    }  # fmt: skip
    values |= changes
    return Forecast(**({"live_until": values["target_opens_at"]} | values))


def fill(engine):
    """Store META of the real market, SIM-A of the simulated one, and at least a row in each guarded table."""
    bar = {"session": CUTOFF, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "observed_at": ISSUED}
    model = {
        "model_id": "m", "spec": "tutorial", "market": "real", "target": "open", "lookback": 5,
        "trained_from": CUTOFF, "cutoff": CUTOFF, "seed": 0, "epochs": 1, "loss": 0.0, "windows": 1, "weights": b"",
        "weights_sha256": "", "config": {}, "data_sha256": "", "versions": {}, "trained_at": ISSUED,
        "train_seconds": 0.0,
    }  # fmt: skip
    errors = ("error", "naive_error", "last_close_error", "drift_error", "moving_average_error")
    score = {"forecast_id": "f", "scored_at": ISSUED, "actual": 1.0, "basis": 1.0} | dict.fromkeys(errors, 0.0)
    scope = {"ticker": "META", "target": "open", "spec": "tutorial"}
    night = {"target_session": CUTOFF, "cutoff": CUTOFF, "reason": "no run was made", "detected_at": ISSUED}
    decision = {
        "promotion_id": "p", "market": "real", "model_id": "m", "decision": "promoted", "reason": "", "evidence": {},
        "as_of": ISSUED, "decided_at": ISSUED,
    }  # fmt: skip
    with writing(engine) as connection:
        for ticker, market, source in (("META", "real", "yahoo"), ("SIM-A", "simulated", "simulated")):
            known = {"ticker": ticker, "calendar": "XNYS", "market": market, "active": True, "no_data_nights": 0}
            connection.execute(insert(instruments), known)
            connection.execute(insert(prices), {"ticker": ticker, "source": source, **bar})
        connection.execute(insert(models), model)
        write_forecast(connection, make_forecast())
        write_forecast(connection, make_forecast(forecast_id="s", ticker="SIM-A", kind="live"))
        connection.execute(insert(scores), score)
        connection.execute(insert(missed_nights), scope | night)
        connection.execute(insert(promotions), scope | decision)


def read_all(engine):
    with reading(engine) as connection:
        return {name: sorted(map(repr, connection.execute(select(METADATA.tables[name])))) for name in KEPT}


def attack(engine, *statements):
    """Run statements as a session of its own, each committed at once; return the words that refused the last one."""
    pooled = engine.raw_connection()
    connection = pooled.dbapi_connection
    pooled.detach()
    refused = None
    with closing(connection):
        if engine.dialect.name == "postgresql":
            connection.autocommit = True
        for statement in statements:
            refused = None
            try:
                connection.cursor().execute(statement)
            except (sqlite3.Error, psycopg.Error) as error:
                refused = str(error)
    return refused


def late_forecast(**changes):
    """Return a statement that inserts a live forecast of META, whose session opened in 2024; SQL texts differ."""
    values = {
        "forecast_id": "'late'", "ticker": "'META'", "target": "'open'", "spec": "'late'", "cutoff": "'2024-01-04'",
        "kind": "'live'", "target_session": "'2024-01-05'", "target_opens_at": "'2024-01-05 14:30:00.000000'",
        "model_id": "'m'", "issued_at": "'2024-01-04 22:00:00.000000'", "predicted": "1", "naive": "1",
        "last_close": "1", "drift": "1", "moving_average": "1", "window_sha256": "'w'",
    } | changes  # fmt: skip
    values = {"live_until": values["target_opens_at"]} | values
    return f"insert into forecasts ({', '.join(values)}) values ({', '.join(values.values())})"
