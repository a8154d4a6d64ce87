"""What the database refuses: the record is rewritten by no statement, on SQLite and on Postgres alike."""

import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from guarded_store import SHADOWS, attack, fill, late_forecast, make_forecast, read_all
from pydantic import SecretStr
from sqlalchemy import inspect, select, text

from stockrnn.settings import Settings
from stockrnn.store.engine import make_engine, reading, writing
from stockrnn.store.forecasts import write_forecast
from stockrnn.store.guarded import GUARDED
from stockrnn.store.guards import install_guards, is_guarded, remove_guards
from stockrnn.store.migrate import open_store
from stockrnn.store.schema import METADATA, forecasts


def keys_of(engine, table):
    """Every list of columns on which two rows may meet, as the database knows them."""
    inspector = inspect(engine)
    unique = [constraint["column_names"] for constraint in inspector.get_unique_constraints(table)]
    return [inspector.get_pk_constraint(table)["constrained_columns"], *unique]


def rewrites(engine):
    """Statements that would change or remove a row of a guarded table, by every way that the database has."""
    make = rewrites_of_sqlite if engine.dialect.name == "sqlite" else rewrites_of_postgres
    for name in GUARDED:
        table, (key, *others) = METADATA.tables[name], keys_of(engine, name)
        columns = ", ".join(column.name for column in table.c if column.name != "recorded_at")
        value = next(column.name for column in table.c if not column.primary_key and not column.foreign_keys)
        yield f"update {name} set {value} = {value}"
        yield f"update {name} set {key[0]} = 'other'"
        yield f"delete from {name}"
        for unique in (key, *others):
            conflict = f"on conflict ({', '.join(unique)}) do update set {value} = excluded.{value}"
            yield f"insert into {name} ({columns}) select {columns} from {name} where true {conflict}"
        yield from make(name, columns, key, value)


def rewrites_of_sqlite(name, columns, key, value):
    other = columns.replace(key[0], f"'other ' || {key[0]}", 1)
    renamed = f"insert or replace into {name} ({columns}) select {other} from {name}"
    same = f"insert or replace into {name} ({columns}) select {columns} from {name}"
    for verb in ("insert or replace", "replace", "insert or ignore", "insert or rollback", "insert or fail"):
        yield same.replace("insert or replace", verb)
    if name == "forecasts":  # with two keys: the other one is the same
        yield renamed
        yield f"pragma foreign_keys = off; {renamed}"
        yield same.replace("select forecast_id, ticker", "select forecast_id, 'SIM-A'")
    for rowid in ("rowid", "oid", "_rowid_"):
        yield renamed.replace("(", f"({rowid}, ", 1).replace("select ", "select 1, ", 1)
        yield f"update {name} set {rowid} = 2"
    yield f"update or replace {name} set {value} = {value}"
    yield f"update or ignore {name} set {key[0]} = 'other'"
    yield f"pragma recursive_triggers = on; {same}"
    yield f"pragma foreign_keys = off; delete from {name}"
    yield f"pragma foreign_keys = off; {same}"
    yield f"pragma ignore_check_constraints = on; update {name} set {key[0]} = ''"


def rewrites_of_postgres(name, columns, key, value):
    merge = f"merge into {name} using (select 1) as one on true when matched then"
    yield f"{merge} update set {value} = {value}"
    yield f"{merge} delete"
    yield f"truncate {name} cascade"
    yield "truncate instruments cascade"
    yield f"with gone as (delete from {name} returning *) select * from gone"
    for statement in (f"update {name} set {key[0]} = 'other'", f"delete from {name}", f"truncate {name} cascade"):
        yield f"set session_replication_role = replica; {statement}"


def test_no_statement_changes_or_removes_a_row_of_the_record(ledger):
    before = read_all(ledger)
    for script in rewrites(ledger):
        refused = attack(ledger, *script.split("; "))
        assert re.search("can not be rewritten: |no such column: |no column named ", refused or ""), (script, refused)
        assert read_all(ledger) == before, script


def test_a_second_forecast_of_a_key_leaves_the_first_one_standing(ledger):
    with writing(ledger) as connection:
        assert write_forecast(connection, make_forecast(forecast_id="other", predicted=9.0)) == make_forecast()


def test_guards_are_installed_and_removed_any_number_of_times(ledger):
    with suppress(InterruptedError), writing(ledger) as connection:
        for _ in range(2):
            install_guards(connection)
            assert is_guarded(connection)
        for _ in range(2):
            remove_guards(connection)
            assert not is_guarded(connection)
        connection.execute(forecasts.update().values(predicted=9.0))
        raise InterruptedError  # rolled back, like everything else
    with reading(ledger) as connection:
        assert is_guarded(connection)
        assert connection.scalar(select(forecasts.c.predicted).where(forecasts.c.forecast_id == "f")) == 1.0


def test_no_guarded_table_has_a_rowid_which_would_be_one_key_more(ledger):
    if ledger.dialect.name == "sqlite":
        with reading(ledger) as connection:
            tables = connection.execute(text("select name, wr from pragma_table_list where type = 'table'"))
            assert {name for name, without in tables if without} == {"instruments", *GUARDED}


@pytest.fixture
def elsewhere(postgres):
    """A Postgres store in a schema of another name, found by the search path of its database."""
    settings = Settings(database_url=SecretStr(postgres.make(empty=True)))
    engine = make_engine(settings)
    with writing(engine) as connection:
        connection.execute(text('create schema "My store"'))
        connection.execute(text(f'alter database {engine.url.database} set search_path = "My store"'))
    engine.dispose()
    engine = open_store(settings)
    fill(engine)
    yield engine
    engine.dispose()


def attack_elsewhere(engine):
    shadows = SHADOWS.format("instruments", "market").replace("public.", '"My store".')
    last = late_forecast().replace("into ", 'into "My store".')
    return attack(engine, shadows, "set search_path = pg_temp", last)


def test_a_schema_of_another_name_is_guarded_alike(elsewhere):
    before = read_all(elsewhere)
    assert "recorded before its target session opens" in attack_elsewhere(elsewhere)
    assert "can not be rewritten" in attack(elsewhere, "delete from scores")
    assert read_all(elsewhere) == before


@pytest.mark.exhaustive
def test_a_restored_backup_holds_the_same_record_under_the_same_guards(elsewhere, postgres, tmp_path):
    with reading(elsewhere) as connection:
        programs = Path(connection.scalar(text("select setting from pg_config where name = 'BINDIR'")))
    target = make_engine(Settings(database_url=SecretStr(postgres.make(empty=True))))
    urls = [
        engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        for engine in (elsewhere, target)
    ]
    backup = tmp_path / "backup"
    subprocess.run([programs / "pg_dump", "--format", "custom", "--file", backup, urls[0]], check=True)
    subprocess.run([programs / "pg_restore", "--exit-on-error", "--dbname", urls[1], backup], check=True)
    with writing(target) as connection:
        connection.execute(text(f'alter database {target.url.database} set search_path = "My store"'))
    target.dispose()
    assert read_all(target) == read_all(elsewhere)
    assert "recorded before its target session opens" in attack_elsewhere(target)
    assert "can not be rewritten" in attack(target, "set session_replication_role = replica", "delete from scores")
    open_store(Settings(database_url=SecretStr(target.url.render_as_string(hide_password=False)))).dispose()
    target.dispose()
