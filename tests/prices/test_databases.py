"""The same migrations, views and queries on SQLite and on a real Postgres."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from nights import list_simulated, night
from pydantic import SecretStr
from sqlalchemy import inspect, text

from stockrnn.settings import Settings
from stockrnn.store import migrate
from stockrnn.store.engine import make_engine, reading, writing
from stockrnn.store.promotions import read_champion, read_promotions
from stockrnn.store.queries import get_query, list_queries, run_query
from stockrnn.store.schema import METADATA
from stockrnn.types import Scope

OLD = (
    "insert into instruments values ('META', 'XNYS', 'USD', '2024-01-02', '2024-01-02', true)",
    "insert into prices values ('META', '2024-01-02', 1, 2, 0.5, 1.5, 1.5, 100, 'csv', '2024-01-03 00:00:00+00:00')",
)


MODEL = """insert into models (model_id, spec, ticker, target, lookback, trained_from, cutoff, seed, epochs, loss,
windows, weights, weights_sha256, config, data_sha256, versions, trained_at, train_seconds)
values ('m1', 'tutorial', 'META', 'open', 40, '2019-01-02', '2024-01-02', 0, 100, 0.1,
1218, '', 'a', '{}', 'b', '{}', '2024-01-03 00:00:00.000000', 1.5)"""


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request, tmp_path) -> Settings:
    """Settings of a database without a schema."""
    if request.param == "sqlite":
        (tmp_path / "empty").mkdir()
        return Settings(home=tmp_path / "empty")
    return Settings(home=tmp_path, database_url=SecretStr(request.getfixturevalue("postgres").make(empty=True)))


def test_the_migrations_make_exactly_what_the_schema_says(engine):
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_a_store_of_the_first_schema_is_upgraded_with_its_rows(empty):
    engine = make_engine(empty)
    with writing(engine) as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
        for statement in OLD:
            connection.execute(text(statement))
    migrate.upgrade(engine)
    with reading(engine) as connection:
        assert migrate.current_revision(connection) == migrate.head_revision()
        rows = connection.execute(text("select ticker, active, updated_at, no_data_nights from instruments")).all()
        assert [tuple(row) for row in rows] == [("META", True, None, 0)]
        assert connection.execute(text("select close from prices")).scalar_one() == 1.5
        health = run_query(connection, get_query("price_health"), {})
    assert str(health.rows[0][3]) == "2024-01-02"
    engine.dispose()


def test_the_models_of_a_store_without_promotions_are_taken_as_having_been_in_use(empty):
    engine = make_engine(empty)
    with writing(engine) as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
        for statement in OLD:
            connection.execute(text(statement.replace("'csv'", "'simulated'")))
        alembic.command.upgrade(config, "0003")
        connection.execute(text(MODEL))
    migrate.upgrade(engine)
    scope = Scope(spec="tutorial", target="open", ticker="META", market="simulated")
    evening = datetime(2024, 1, 2, 22, tzinfo=UTC)
    with reading(engine) as connection:
        assert read_champion(connection, scope, as_of=evening, cutoff=date(2024, 1, 2)).model_id == "m1"
        assert read_champion(connection, scope, as_of=evening - timedelta(days=1), cutoff=date(2024, 1, 2)) is None
        (decision,) = read_promotions(connection, scope)
    assert (decision.decision, decision.reason) == ("promoted", "in use before promotions were written down")
    assert decision.as_of == datetime(2024, 1, 2, tzinfo=UTC)
    engine.dispose()


def test_two_that_open_a_new_database_at_once_both_find_it_whole(empty):
    def open_one(_):
        migrate.open_store(empty).dispose()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(open_one, range(2)))
    engine = make_engine(empty)
    assert set(inspect(engine).get_table_names()) == {*METADATA.tables, "alembic_version"}
    engine.dispose()


def ask(engine, name):
    with reading(engine) as connection:
        table = run_query(connection, get_query(name), {})
    return [dict(zip(table.columns, map(str, row), strict=True)) for row in table.rows]


def test_every_query_runs(engine):
    assert {query.name: ask(engine, query.name) for query in list_queries()} == {
        query.name: [] for query in list_queries()
    }


def test_health_issues_actions_and_revisions_are_told_alike(batch, engine, yahoo):
    for ticker in ("AAPL", "META"):
        sessions = list_simulated(yahoo, ticker)
    batch.update(night(sessions[29]), "AAPL", "META")
    yahoo.hide("META", sessions[30].date(), until=night(sessions[40]))
    yahoo.disturb("META", sessions[31].date(), until=night(sessions[40]), close=None)
    yahoo.split("AAPL", ex_date=sessions[30].date(), ratio=4.0)
    yahoo.dividend("AAPL", ex_date=sessions[31].date(), amount=0.5)
    for session in sessions[30:32]:
        batch.update(night(session), "AAPL", "META")
    aapl, meta = ask(engine, "price_health")
    facts = ("calendar", "active", "first_session", "last_session", "sessions", "sessions_missing", "open_issues")
    assert [aapl[name] for name in facts if name != "active"] == [
        "XNYS", "2024-01-02", str(sessions[31].date()), "32", "0", "0",
    ]  # fmt: skip
    assert [meta[name] for name in facts if name != "active"] == [
        "XNYS", "2024-01-02", str(sessions[29].date()), "30", "1", "2",
    ]  # fmt: skip
    assert int(aapl["days_since_update"]) > 365
    assert [(row["session"], row["kind"]) for row in ask(engine, "price_issues")] == [
        (str(sessions[30].date()), "missing_session"),
        (str(sessions[31].date()), "missing_price"),
    ]
    assert [(row["ex_date"], row["kind"], row["value"]) for row in ask(engine, "corporate_actions")] == [
        (str(sessions[30].date()), "split", "4.0"),
        (str(sessions[31].date()), "dividend", "0.5"),
    ]
    reasons = [row["reason"] for row in ask(engine, "price_revisions")]
    assert (reasons.count("split"), reasons.count("dividend"), len(reasons)) == (30, 31, 61)


def test_days_since_the_update_count_from_the_last_answer_not_from_the_last_bar(batch, engine, yahoo):
    sessions = list_simulated(yahoo)
    batch.update(night(sessions[30]), "META")
    before = int(ask(engine, "price_health")[0]["days_since_update"])
    batch.update(night(sessions[30]) + timedelta(days=2), "META", full=True)
    assert int(ask(engine, "price_health")[0]["days_since_update"]) == before - 2
