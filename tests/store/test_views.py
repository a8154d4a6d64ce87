"""Views are replaced in place: what others built on them and were allowed to do stays, on SQLite and on Postgres."""

import shutil

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stockrnn.errors import StoreError
from stockrnn.store import migrate
from stockrnn.store.engine import make_engine, reading, writing
from stockrnn.store.guards import is_guarded, remove_guards
from stockrnn.store.views import MARK

NEXT_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.batch_alter_table("backtests") as table:
        table.add_column(sa.Column("note", sa.String(), server_default="none", nullable=False))
        {more}
"""
MINE = "create view mine as select ticker, open_issues from price_health"


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request, settings):
    """Settings of a database without a schema, on Postgres with one where the test asks for a store."""
    if request.param == "sqlite":
        settings.home.mkdir()
        return settings
    url = request.getfixturevalue("postgres").make(empty="store" not in request.fixturenames)
    return settings.model_copy(update={"database_url": SecretStr(url)})


@pytest.fixture
def engine(settings):
    engine = make_engine(settings)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine):
    """A store of this version."""
    migrate.upgrade(engine)
    run(engine, "insert into instruments values ('META', 'XNYS', null, 'real', null, null, true, null, 0, null)")
    return engine


@pytest.fixture
def make_next(tmp_path, monkeypatch):
    """Make the SQL folder of a version to come: a migration more, and the views as they are there."""

    def make(*, more="", **views):
        folder = tmp_path / "sql of the next version"
        shutil.copytree(migrate.sql_folder(), folder)
        script = folder / "migrations" / "versions" / "0002_next.py"
        script.write_text(NEXT_MIGRATION.format(more=more), encoding="utf-8")
        for name, changes in views.items():
            view = folder / "views" / f"{name}.sql"
            if changes is None:
                view.unlink()
            else:
                view.write_text(view.read_text(encoding="utf-8").replace(*changes), encoding="utf-8")
        monkeypatch.setattr(migrate, "sql_folder", lambda: folder)

    return make


def run(engine, *statements):
    with writing(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


def ask(engine, query):
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def revision(engine):
    with reading(engine) as connection:
        return migrate.current_revision(connection)


on_postgres = pytest.mark.parametrize("settings", ["postgres"], indirect=True)
"""SQLite knows no grants, disables no trigger, and lets a column go that a view shows."""

LAST = (") as days_since_update\n", ") as days_since_update,\n    instruments.market as kind_of_market\n")
"""A column more, at the end."""
AMID = ("instruments.calendar,\n", "instruments.calendar,\n    instruments.market as kind_of_market,\n")
"""A column more, among the others: Postgres makes such a view only anew."""


@pytest.mark.parametrize("change", [LAST, AMID])
def test_a_view_that_somebody_built_on_ours_stays_or_is_named(store, make_next, change):
    run(store, MINE)
    make_next(price_health=change)
    if change == AMID and store.dialect.name == "postgresql":
        with pytest.raises(StoreError, match=r"can't be made: .*view mine depends on view price_health; drop"):
            migrate.upgrade(store)
        assert revision(store) == "0001"
        run(store, "drop view mine")
        migrate.upgrade(store)
        run(store, MINE)
    migrate.upgrade(store)
    assert revision(store) == "0002"
    assert ask(store, "select * from mine") == [("META", 0)]
    assert ask(store, "select kind_of_market from price_health") == [("real",)]


@on_postgres
def test_a_column_that_somebodys_view_shows_is_named_before_it_goes(store, make_next):
    run(store, "create view mine as select backtest_id, verdict from backtests")
    make_next(more='table.drop_column("verdict")', leaderboard=("    backtests.verdict,\n", ""))
    with pytest.raises(StoreError, match=r"can't be made: .*view mine depends on column verdict of table"):
        migrate.upgrade(store)
    assert revision(store) == "0001"
    run(store, "drop view mine")
    migrate.upgrade(store)
    assert revision(store) == "0002"


@on_postgres
def test_what_was_granted_on_a_view_stays_granted(store, make_next):
    reader, other = f"reader of {store.url.database}", f"other of {store.url.database}"
    run(
        store,
        f'create role "{reader}"',
        f'create role "{other}"',
        f'alter default privileges grant select on tables to "{other}"',
        f'grant select on price_health, leaderboard to "{reader}" with grant option',
        f'grant select (ticker) on live_skill to "{reader}", public',
        MINE,
    )
    query = """
        select relname, coalesce(relacl, acldefault('r', relowner))::text,
            (select string_agg(attname || attacl::text, ' ') from pg_attribute where attrelid = pg_class.oid)
        from pg_class where relname in ('price_health', 'leaderboard', 'live_skill') order by relname"""
    before = ask(store, query)
    assert str(before).count(reader) >= 3
    make_next(price_health=LAST)
    migrate.upgrade(store)
    assert ask(store, query) == before


def test_a_view_whose_file_goes_is_dropped_by_the_next_migration(store, make_next):
    make_next(leaderboard=None)
    migrate.upgrade(store)
    with pytest.raises(StoreError, match="leaderboard"):
        ask(store, "select * from leaderboard")


@pytest.mark.parametrize("kind", ["table prices", "view leaderboard"])
def test_what_somebody_else_made_by_one_of_our_names_is_named_and_left_alone(engine, kind):
    word, name = kind.split()
    run(engine, f"create {word} {name} as select 1 as mine")
    with pytest.raises(StoreError, match=f"the database has a {word} {name} that does not say it is {MARK}"):
        migrate.upgrade(engine)
    assert ask(engine, f"select * from {name}") == [(1,)]
    assert revision(engine) is None


def test_a_foreign_view_in_the_place_of_ours_is_not_dropped_by_a_migration(store, make_next):
    run(store, "drop view leaderboard", "create view leaderboard as select 1 as mine")
    migrate.upgrade(store)  # nothing is to be made
    make_next()
    with pytest.raises(StoreError, match="the database has a view leaderboard that does not say it is"):
        migrate.upgrade(store)
    assert ask(store, "select * from leaderboard") == [(1,)]
    assert revision(store) == "0001"


def test_a_view_or_a_guard_that_is_gone_is_made_again_when_the_store_is_opened(store, caplog):
    migrate.upgrade(store)
    assert caplog.messages == []
    run(store, "drop view leaderboard")
    migrate.upgrade(store)
    assert ask(store, "select * from leaderboard") == []
    with writing(store) as connection:
        remove_guards(connection)
    migrate.upgrade(store)
    with reading(store) as connection:
        assert is_guarded(connection)
    assert caplog.messages == ["a view or a guard of the database was gone; it is made again"] * 2


@on_postgres
def test_a_guard_that_was_disabled_is_made_again(store):
    run(store, "alter table scores disable trigger all")
    migrate.upgrade(store)
    with pytest.raises(DBAPIError, match="scores can not be rewritten"), store.begin() as connection:
        connection.execute(text("delete from scores"))
