"""Bring the database to the schema of this version: Alembic migrations, then the views."""

import logging
from functools import cache
from importlib.resources import files
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from stockrnn.errors import StoreError
from stockrnn.settings import Settings
from stockrnn.store.engine import make_engine, patient, reading, writing
from stockrnn.store.folder import make_file, make_folder, make_private, note_store, refuse_empty, refuse_loss
from stockrnn.store.guards import install_guards, is_guarded, remove_guards
from stockrnn.store.url import DATABASE_FILE, read_url
from stockrnn.store.views import (
    find_missing,
    make_views,
    naming_obstacles,
    read_relations,
    refuse_foreign,
    remove_views,
)

LOG = logging.getLogger("stockrnn")


@cache
def sql_folder() -> Path:
    """Return the folder of migrations, views and queries: inside an installed package, beside a source tree's."""
    packaged = Path(str(files("stockrnn"))) / "sql"
    return packaged if packaged.is_dir() else packaged.parents[1] / "sql"


def open_store(settings: Settings, *, create: bool = True, wait: bool = False) -> Engine:
    """Open the store at this version's schema, migrating it if it is older; see `make_private` for its files.

    Parameters
    ----------
    wait
        Wait for a server that does not answer, now and in every transaction, as long as the settings say.

    Raises
    ------
    StoreError
        There is no store and `create` is false, there was one and its file is gone or empty, its folder can't be
        written, or a newer version made it.
    """
    make_private(settings)
    url = read_url(settings)
    known = refuse_loss(url)
    if settings.database_url is None:
        path = settings.home / DATABASE_FILE
        if not create and not (path.exists() and path.stat().st_size):
            raise StoreError(
                f"no store at {path} yet; 'stockrnn demo' makes one with simulated prices, 'stockrnn prices import' "
                "one with yours"
            )
        make_folder(settings.home)
    make_file(url)
    engine = make_engine(settings)
    if wait:
        engine = patient(engine, seconds=settings.database_wait_seconds)
    if known:
        _refuse_empty(engine)
    upgrade(engine)
    note_store(url)
    return engine


def _refuse_empty(engine: Engine) -> None:
    """Refuse a database without a schema in the place of a store that is known."""
    with reading(engine) as connection:
        found = current_revision(connection)
    if found is None:
        refuse_empty(engine.url)


def current_revision(connection: Connection) -> str | None:
    """Return the schema revision of the database, None where there is no schema."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar_one_or_none()


def head_revision() -> str | None:
    """Return the schema revision of this version of stockrnn."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing, make views and guards anew, all in one transaction.

    A store at this version's schema is looked at only, and changed where a view or a guard has gone.

    Raises
    ------
    StoreError
        A newer version made the schema, or something that is not ours has a name of ours or stands on what changes.
    """
    with reading(engine) as connection:
        is_current = current_revision(connection) == head_revision()
        if is_current and _is_whole(connection):
            return
    if is_current:
        LOG.warning("a view or a guard of the database was gone; it is made again")
    with writing(engine) as connection:  # of two that start at once the second finds everything done
        migrate(connection)


def migrate(connection: Connection) -> None:
    """Bring the database to this version's schema in the caller's transaction.

    Raises
    ------
    StoreError
        As `upgrade`.
    """
    _require_known(current_revision(connection))
    relations = read_relations(connection)
    refuse_foreign(relations, _views())
    removed = remove_views(connection, relations)
    remove_guards(connection)
    with naming_obstacles(removed):
        _run_migrations(connection)
        make_views(connection, _views(), removed)
    install_guards(connection)


def _require_known(revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(f"the database has schema {revision}, which this version does not know; upgrade stockrnn")


def _is_whole(connection: Connection) -> bool:
    return not find_missing(read_relations(connection), _views()) and is_guarded(connection)


def _run_migrations(connection: Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    config = _config()
    config.attributes["connection"] = connection
    if sqlite:  # a view of somebody's on one of ours, which is gone for the moment, would forbid to rename a table
        connection.execute(text("pragma legacy_alter_table = on"))
    alembic.command.upgrade(config, "head")
    if sqlite:
        connection.execute(text("pragma legacy_alter_table = off"))


def _views() -> Path:
    return sql_folder() / "views"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(sql_folder() / "migrations").replace("%", "%%"))
    return config
