"""The same migrations, views and queries on SQLite and on a real Postgres."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from nights import list_simulated, night, on_both_databases
from pydantic import SecretStr
from sqlalchemy import inspect, text

from stockrnn.settings import Settings
from stockrnn.store import migrate
from stockrnn.store.engine import make_engine, reading, writing
from stockrnn.store.queries import get_query, list_queries, run_query
from stockrnn.store.schema import METADATA

ROWS = (
    "insert into instruments values ('META', 'XNYS', null, 'real', null, null, true, null, 0, null)",
    "insert into prices values ('META', '2024-01-02', 1, 2, 0.5, 1.5, 1.5, 100, 'csv', '2024-01-03 00:00:00+00:00')",
)
NEXT_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("instruments", sa.Column("sector", sa.String(), server_default="unknown", nullable=False))
"""
NEXT_COLUMNS = "instruments.calendar, instruments.sector,"


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request, tmp_path) -> Settings:
    """Settings of a database without a schema."""
    if request.param == "sqlite":
        (tmp_path / "empty").mkdir()
        return Settings(home=tmp_path / "empty")
    return Settings(home=tmp_path, database_url=SecretStr(request.getfixturevalue("postgres").make(empty=True)))


@on_both_databases
def test_the_migrations_make_exactly_what_the_schema_says(engine):
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


@pytest.fixture
def next_version(tmp_path, monkeypatch):
    """The SQL folder of a version to come: one migration more, and a view with a column more."""
    folder = tmp_path / "sql of the next version"
    shutil.copytree(migrate.sql_folder(), folder)
    (folder / "migrations" / "versions" / "0002_sector.py").write_text(NEXT_MIGRATION, encoding="utf-8")
    view = folder / "views" / "price_health.sql"
    view.write_text(view.read_text(encoding="utf-8").replace("instruments.calendar,", NEXT_COLUMNS), encoding="utf-8")
    monkeypatch.setattr(migrate, "sql_folder", lambda: folder)


def test_a_store_is_upgraded_by_the_next_version_with_its_rows(engine, next_version):
    with writing(engine) as connection:
        for statement in ROWS:
            connection.execute(text(statement))
        assert (migrate.current_revision(connection), migrate.head_revision()) == ("0001", "0002")
    migrate.upgrade(engine)
    with reading(engine) as connection:
        assert migrate.current_revision(connection) == "0002"
        assert connection.execute(text("select close from prices")).scalar_one() == 1.5
        query = "select ticker, calendar, sector, sessions from price_health"
        assert tuple(connection.execute(text(query)).one()) == ("META", "XNYS", "unknown", 1)


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


@on_both_databases
def test_every_query_runs(engine):
    assert {query.name: ask(engine, query.name) for query in list_queries()} == {
        query.name: [] for query in list_queries()
    }


@on_both_databases
def test_every_example_of_the_sql_readme_runs(engine):
    examples = re.findall(r"```sql\n(.*?)```", (migrate.sql_folder() / "README.md").read_text(), flags=re.DOTALL)
    with reading(engine) as connection:
        assert [connection.execute(text(example)).all() for example in examples] == [[] for _ in examples]
    assert len(examples) == len(METADATA.tables) + len(inspect(engine).get_view_names())


@on_both_databases
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


@on_both_databases
def test_days_since_the_update_count_from_the_last_answer_not_from_the_last_bar(batch, engine, yahoo):
    sessions = list_simulated(yahoo)
    batch.update(night(sessions[30]), "META")
    before = int(ask(engine, "price_health")[0]["days_since_update"])
    batch.update(night(sessions[30]) + timedelta(days=2), "META", full=True)
    assert int(ask(engine, "price_health")[0]["days_since_update"]) == before - 2
