import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import CheckConstraint, inspect, text

from stockrnn.errors import StoreError
from stockrnn.settings import Settings
from stockrnn.store import guards_postgres, guards_sqlite, migrate
from stockrnn.store.engine import make_engine, reading, writing
from stockrnn.store.schema import METADATA
from stockrnn.store.url import DATABASE_FILE

TABLES = {
    "instruments",
    "prices",
    "price_revisions",
    "calendar_changes",
    "corporate_actions",
    "action_revisions",
    "price_issues",
    "models",
    "promotions",
    "forecasts",
    "scores",
    "missed_nights",
    "backtests",
    "backtest_forecasts",
    "backtest_metrics",
    "runs",
}
VIEWS = {"forecast_vs_actual", "latest_forecasts", "leaderboard", "live_skill", "price_health"}

OPEN_AT_A_SIGN = """
import sys
from pathlib import Path
from stockrnn.settings import Settings
from stockrnn.store.migrate import open_store

print("ready", flush=True)
sys.stdin.readline()
open_store(Settings(home=Path(sys.argv[1])))
"""


def dump(engine):
    """Everything that the database is made of, and every row."""
    with reading(engine) as connection:
        made = connection.execute(text("select type, name, sql from sqlite_master order by type, name")).all()
        rows = {
            name: connection.execute(text(f"select * from {name}")).all() for _, name, _ in made if name in TABLES
        }
    return made, rows


def test_a_fresh_store_has_the_tables_and_views_of_the_design(settings):
    engine = migrate.open_store(settings)
    inspector = inspect(engine)
    assert set(inspector.get_table_names()) == TABLES | {"alembic_version"}
    assert set(inspector.get_view_names()) == VIEWS
    assert (settings.home / DATABASE_FILE).is_file()


def test_the_folder_of_the_store_is_made_with_its_parents(tmp_path):
    migrate.open_store(Settings(home=tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b" / DATABASE_FILE).is_file()


def test_the_migrations_make_exactly_what_the_schema_says(engine):
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_migrations_make_the_constraints_that_the_schema_says(engine, table):
    # what compare_metadata does not look at
    inspector = inspect(engine)
    declared = {c.name: str(c.sqltext) for c in METADATA.tables[table].constraints if isinstance(c, CheckConstraint)}
    assert {c["name"]: c["sqltext"] for c in inspector.get_check_constraints(table)} == declared
    key = [column.name for column in METADATA.tables[table].primary_key]
    assert inspector.get_pk_constraint(table)["constrained_columns"] == key


def test_a_store_is_at_the_revision_of_this_version(engine):
    with reading(engine) as connection:
        assert migrate.current_revision(connection) == migrate.head_revision()


def test_an_empty_database_has_no_revision(settings):
    settings.home.mkdir()
    with reading(make_engine(settings)) as connection:
        assert migrate.current_revision(connection) is None


def test_opening_a_store_again_changes_nothing(settings, write):
    write({"2024-01-04": (1, 2, 0.5, 1.5, 1.5, 100)})
    engine = make_engine(settings)
    before = dump(engine)
    migrate.upgrade(engine)
    migrate.open_store(settings)
    migrate.open_store(settings, create=False)
    assert dump(engine) == before


def test_a_write_ahead_log_a_busy_timeout_and_foreign_keys_are_on_in_every_connection(engine):
    with reading(engine) as first, reading(engine) as second:
        for connection in (first, second):
            pragmas = {
                name: connection.execute(text(f"pragma {name}")).scalar_one()
                for name in ("journal_mode", "busy_timeout", "foreign_keys")
            }
            assert pragmas == {"journal_mode": "wal", "busy_timeout": 1000, "foreign_keys": 1}


def test_foreign_keys_are_enforced(engine, make_model):
    from stockrnn.store.models import write_model

    with pytest.raises(StoreError, match="FOREIGN KEY"), writing(engine) as connection:
        write_model(connection, make_model(ticker="NOSUCH"))


def test_where_there_is_no_store_looking_makes_none(settings):
    with pytest.raises(StoreError, match=r"no store at .*stockrnn\.db yet; 'stockrnn demo' makes one"):
        migrate.open_store(settings, create=False)
    assert not settings.home.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match=r"can't make the data folder .*file.*; set STOCKRNN_HOME to another"):
        migrate.open_store(Settings(home=tmp_path / "file" / "home"))


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(settings):
    settings.home.mkdir()
    path = settings.home / DATABASE_FILE
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        migrate.open_store(settings)
    assert path.read_bytes() == b"this is no database" * 100


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(settings, engine):
    with writing(engine) as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    before = dump(engine)
    with pytest.raises(StoreError, match="schema 9999, which this version does not know; upgrade stockrnn"):
        migrate.open_store(settings)
    assert dump(engine) == before


def test_a_migration_that_fails_leaves_nothing_behind(settings, monkeypatch):
    settings.home.mkdir()
    engine = make_engine(settings)

    def fail(*_):
        raise RuntimeError("a broken view")

    monkeypatch.setattr(migrate, "make_views", fail)
    with pytest.raises(RuntimeError, match="a broken view"):
        migrate.upgrade(engine)
    assert inspect(engine).get_table_names() == []
    monkeypatch.undo()
    migrate.upgrade(engine)
    assert set(inspect(engine).get_view_names()) == VIEWS


def test_who_saw_no_schema_and_then_waited_for_another_to_make_it_changes_nothing(engine, monkeypatch):
    # the moment between the look and the lock, in which another process migrated the store
    before = dump(engine)
    monkeypatch.setattr(migrate, "current_revision", lambda _: None)
    migrate.upgrade(engine)
    assert dump(engine) == before


@pytest.mark.exhaustive
def test_two_processes_that_open_a_new_store_at_the_same_moment_both_succeed(settings):
    command = [sys.executable, "-c", OPEN_AT_A_SIGN, str(settings.home)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    source = str(Path(migrate.__file__).parents[2])
    processes = [subprocess.Popen(command, text=True, cwd=source, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
    assert set(inspect(make_engine(settings)).get_view_names()) == VIEWS


def test_a_database_url_takes_the_place_of_the_file(tmp_path):
    url = SecretStr(f"sqlite:///{tmp_path / 'other.db'}")
    migrate.open_store(Settings(home=tmp_path / "home", database_url=url))
    assert (tmp_path / "other.db").is_file()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("url", ["no url: secret", "nosuch://user:secret@host/database"])
def test_a_database_url_that_cannot_be_used_is_refused_without_repeating_it(tmp_path, url):
    with pytest.raises(StoreError, match="expected postgresql") as refused:
        make_engine(Settings(home=tmp_path, database_url=SecretStr(url)))
    assert "secret" not in str(refused.value)


def test_looking_leaves_the_file_of_the_store_as_it_is(settings, engine):
    engine.dispose()
    path = settings.home / DATABASE_FILE
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    migrate.open_store(settings, create=False).dispose()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_views_changed_since_the_newest_migration_come_with_a_migration_of_their_own():
    """Stores make their views anew only when they migrate: after a change, add a migration and its line."""
    views = sorted((migrate.sql_folder() / "views").glob("*.sql"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in views)).hexdigest()[:16]
    assert {migrate.head_revision(): digest} == {"0001": "fd2ef89e16c49c57"}


def test_guards_changed_since_the_newest_migration_come_with_a_migration_of_their_own():
    """Like views: a store at the newest revision looks whether a guard is missing, not at what it says."""
    made = [
        repr((room.make_functions("schema"), room.make_triggers("schema")))
        for room in (guards_sqlite, guards_postgres)
    ]
    digest = hashlib.sha256("".join(made).encode()).hexdigest()[:16]
    assert {migrate.head_revision(): digest} == {"0001": "5e4c16c8c46daf9b"}
