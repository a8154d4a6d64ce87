"""Postgres that is stopped in the middle of a night, for a while and for good."""

from threading import Timer

import pytest
from postgres_server import run_postgres
from scenario import FRIDAY_EVENING, SMALL_TOML
from sqlalchemy import text

from flows.batch import opened_store
from flows.nightly import nightly, run_nightly
from stockrnn.errors import StoreUnreachableError
from stockrnn.settings import load_settings
from stockrnn.steps import retrain
from stockrnn.store.engine import reading, writing
from stockrnn.store.migrate import open_store

PASSWORD = "s3cret-and-l0ng"  # noqa: S105  # of a server that takes any
NIGHT = {"tickers": ["SIM-A", "SIM-B"], "as_of": FRIDAY_EVENING, "source": "simulated"}
WRITTEN = {
    "prices": "ticker, session, open, close",
    "models": "model_id, weights_sha256",
    "promotions": "promotion_id, decision",
    "forecasts": "ticker, target_session, predicted, kind",
    "backtest_metrics": "backtest_id, model, metric, value",
}


@pytest.fixture(scope="module")
def stoppable():
    with run_postgres() as server:
        yield server


@pytest.fixture
def stored(stoppable, monkeypatch, tmp_path):
    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)
    monkeypatch.setenv("STOCKRNN_DATABASE_URL", stoppable.make(password=PASSWORD))
    yield stoppable
    stoppable.start()


def read_all():
    with opened_store(load_settings()) as engine, reading(engine) as connection:
        return {
            table: sorted(connection.execute(text(f"select {columns} from {table}")).all(), key=str)
            for table, columns in WRITTEN.items()
        }


def before_retraining(monkeypatch, ticker, action):
    """Let something happen when a ticker's step begins to retrain."""
    step, calls = retrain.retrain, []

    def interrupted(job, *parts, **options):
        if job.ticker == ticker and not calls:
            calls.append(job)
            action()
        return step(job, *parts, **options)

    monkeypatch.setattr(retrain, "retrain", interrupted)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_night_waits_for_a_database_that_comes_back(stored, monkeypatch):
    assert run_nightly(**NIGHT).failed == ()
    undisturbed = read_all()
    monkeypatch.setenv("STOCKRNN_DATABASE_URL", stored.make(password=PASSWORD))

    def stop_for_a_while():
        stored.stop()
        Timer(4, stored.start).start()

    before_retraining(monkeypatch, "SIM-B", stop_for_a_while)
    assert run_nightly(**NIGHT).failed == ()
    assert read_all() == undisturbed


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_connection_lost_in_the_middle_of_a_step_is_worth_a_second_try(stored, monkeypatch):
    write, calls = retrain.write_model, []

    def lose(connection, model):
        if not calls:
            calls.append(model)
            connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))
        write(connection, model)

    monkeypatch.setattr(retrain, "write_model", lose)
    night = run_nightly(**NIGHT)
    assert (night.failed, len(calls)) == ((), 1)
    assert len(read_all()["models"]) == 2


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_database_that_stays_away_fails_the_night_with_one_line_and_nothing_half_written(
    stored, monkeypatch, caplog
):
    monkeypatch.setenv("STOCKRNN_DATABASE_WAIT_SECONDS", "3")
    before_retraining(monkeypatch, "SIM-B", stored.stop)
    state = nightly(**NIGHT, return_state=True)
    assert state.is_failed()
    assert state.message.startswith("the database server does not answer: connection ")
    assert state.message.endswith("names it")
    assert "\n" not in state.message
    assert "Traceback" not in caplog.text
    assert PASSWORD not in caplog.text
    with pytest.raises(StoreUnreachableError):
        run_nightly(**NIGHT)
    stored.start()
    found = read_all()
    assert {row.ticker for row in found["prices"]} == {"SIM-A", "SIM-B"}
    assert [row.ticker for row in found["forecasts"]] == ["SIM-A"]
    assert run_nightly(**NIGHT).failed == ()  # the next run does the rest
    assert [row.ticker for row in read_all()["forecasts"]] == ["SIM-A", "SIM-B"]


@pytest.mark.exhaustive
def test_a_refusal_is_not_waited_for(stored, monkeypatch):
    from stockrnn.errors import StoreError

    monkeypatch.setenv("STOCKRNN_DATABASE_URL", stored.make().replace("/test_", "/not_there_"))
    with pytest.raises(StoreError, match="does not exist"):
        open_store(load_settings(), wait=True)


@pytest.mark.exhaustive
def test_a_step_that_fails_for_another_reason_is_not_tried_again(stored, monkeypatch):
    from stockrnn import night as nights
    from stockrnn.errors import StoreError

    calls = []

    def fail(job):
        calls.append(job)
        raise StoreError("the disk is full")

    monkeypatch.setattr(nights, "forecast_next", fail)
    night = run_nightly(**NIGHT)
    assert len(calls) == 2
    assert night.failed == ("SIM-A", "SIM-B")


@pytest.mark.exhaustive
def test_nothing_is_written_where_the_connection_goes_before_the_end(stored):
    engine = open_store(load_settings())

    def lose():
        with writing(engine) as connection:
            connection.execute(text("delete from alembic_version"))
            connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StoreUnreachableError) as caught:
        lose()
    assert caught.value.lost
    with reading(engine) as connection:  # a new connection in place of the lost one
        assert connection.execute(text("select count(*) from alembic_version")).scalar_one() == 1
    engine.dispose()
