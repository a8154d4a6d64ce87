"""A store that moves to another database is the same store: every row, to the last digit, under the same guards."""

from datetime import UTC, date, datetime, timedelta

import pytest
from guarded_store import ISSUED, attack, fill, make_forecast
from pydantic import SecretStr
from sqlalchemy import insert, inspect, select, update

from stockrnn.errors import StoreError, UsageError
from stockrnn.store.backtests import write_backtest
from stockrnn.store.copying import copy_store, make_target
from stockrnn.store.engine import make_engine, reading, writing
from stockrnn.store.forecasts import write_forecast
from stockrnn.store.guards import install_guards, is_guarded, remove_guards
from stockrnn.store.issues import write_issues
from stockrnn.store.migrate import upgrade
from stockrnn.store.models import write_model
from stockrnn.store.runs import write_run_start
from stockrnn.store.schema import METADATA, forecasts, instruments, models, scores
from stockrnn.types import PriceIssue

LATER = ISSUED + timedelta(microseconds=123_456)


@pytest.fixture
def filled(engine, make_model, make_backtest):
    """A store with rows of every type, among them what databases keep differently."""
    fill(engine)
    run = {"flow": "nightly", "as_of": ISSUED, "flow_run_id": None, "parameters": {"a": [1, 0.1 + 0.2, None]}}
    issue = PriceIssue(session=date(2024, 1, 3), kind="jump", detail="é 株 ' \" \\", raw={"close": None, "b": [True]})
    with writing(engine) as connection:
        # the older model has the later name
        write_model(connection, make_model(model_id="z", weights=bytes(range(256)) * 1000))
        write_model(connection, make_model(model_id="b", parent_model_id="z", weights=b""))
        write_model(connection, make_model(model_id="a", parent_model_id="b", loss=1e-300, trained_at=LATER))
        write_backtest(connection, make_backtest())
        write_run_start(connection, run_id="r", started_at=LATER, versions={}, **run)
        quantiles = {"0.025": 1 / 3, "0.975": 1e308}
        write_forecast(connection, make_forecast(forecast_id="q", spec="quantile", quantiles=quantiles, drift=-0.0))
        outcome = {"inside_80": True, "inside_95": False, "direction_correct": None, "pinball": 5e-324}
        row = {column.name: 1.0 for column in scores.c} | {"forecast_id": "q", "scored_at": LATER, **outcome}
        connection.execute(insert(scores), row)
        write_issues(connection, "META", [issue], good=[], asked=None, observed_at=LATER)
        remove_guards(connection)  # an older record
        recorded = datetime(2024, 1, 4, 22, 0, 7, tzinfo=UTC)
        connection.execute(update(forecasts).where(forecasts.c.forecast_id == "q").values(recorded_at=recorded))
        install_guards(connection)
    return engine


@pytest.fixture
def make_empty(tmp_path, settings):
    """Make the engine of a database in which nothing is yet."""
    engines = []

    def make(url):
        engines.append(make_engine(settings.model_copy(update={"database_url": SecretStr(url)})))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


def read_all(engine):
    with reading(engine) as connection:
        return {name: sorted(map(repr, connection.execute(select(table)))) for name, table in METADATA.tables.items()}


def test_a_store_comes_back_from_postgres_as_it_went(filled, make_empty, postgres, tmp_path):
    away, back = make_empty(postgres.make(empty=True)), make_empty(f"sqlite:///{tmp_path / 'back.db'}")
    went, came = copy_store(filled, away), copy_store(away, back)
    assert went == came
    before = read_all(filled)
    assert read_all(back) == before
    assert {table.name: table.rows for table in went} == {name: len(rows) for name, rows in before.items()}
    for engine in (away, back):
        with reading(engine) as connection:
            assert is_guarded(connection)
            assert (
                connection.scalar(select(forecasts.c.recorded_at).where(forecasts.c.forecast_id == "q")).year == 2024
            )
        assert "can not be rewritten" in attack(engine, "delete from forecasts")


def test_a_store_is_copied_into_an_empty_one_and_never_over_rows(filled, make_empty, postgres, tmp_path):
    for url in (f"sqlite:///{tmp_path / 'copy.db'}", postgres.make()):
        target = make_empty(url)
        upgrade(target)
        copy_store(filled, target)
        before = read_all(target)
        with pytest.raises(StoreError, match=r"holds rows already \(instruments\)"):
            copy_store(filled, target)
        assert read_all(target) == before
    with pytest.raises(StoreError, match="holds rows already"):
        copy_store(filled, filled)


def test_a_copy_that_fails_leaves_nothing_behind(filled, make_empty, postgres):
    target = make_empty(postgres.make(empty=True))
    with writing(filled) as connection:  # SQLite takes it, Postgres does not
        connection.execute(update(instruments).values(calendar="a calendar of a very long name"))
    with pytest.raises(StoreError, match="too long for type character varying"):
        copy_store(filled, target)
    assert inspect(target).get_table_names() == []


def test_rows_that_nothing_leads_to_are_missed_in_the_copy(filled, make_empty, tmp_path):
    target = make_empty(f"sqlite:///{tmp_path / 'copy.db'}")
    connection = filled.raw_connection()
    connection.execute("pragma foreign_keys = off")
    connection.execute("update models set parent_model_id = 'gone' where model_id = 'b'")
    connection.close()
    with pytest.raises(StoreError, match="models: 4 rows stand there, 2 would here"):
        copy_store(filled, target)
    assert inspect(target).get_table_names() == []
    with reading(filled) as connection:
        assert len(connection.execute(select(models.c.model_id)).all()) == 4


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://me:secret@host/db", "postgresql+psycopg://host/db?user=me&password=secret"]
)
def test_a_password_in_the_command_is_refused_without_repeating_it(settings, url):
    with pytest.raises(UsageError, match=r"can be read by everybody on this machine.*PGPASSWORD") as refused:
        make_target(settings, url)
    assert "secret" not in str(refused.value)
    with pytest.raises(UsageError, match="no database URL"):
        make_target(settings, "no url")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgres_url_may_leave_the_driver_out(settings, scheme):
    engine = make_target(settings, f"{scheme}://me@host/db?sslmode=require")
    assert engine.url.render_as_string() == "postgresql+psycopg://me@host/db?sslmode=require"
