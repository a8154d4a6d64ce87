"""Bring the database to the schema of this version: Alembic migrations, then the views."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from stockrnn.errors import StoreError
from stockrnn.settings import Settings
from stockrnn.store.engine import DATABASE_FILE, make_engine, patient, reading, writing


@cache
def sql_folder() -> Path:
    """Return the folder of migrations, views and queries: inside an installed package, beside a source tree's."""
    packaged = Path(str(files("stockrnn"))) / "sql"
    return packaged if packaged.is_dir() else packaged.parents[1] / "sql"


def open_store(settings: Settings, *, create: bool = True, wait: bool = False) -> Engine:
    """Open the store at this version's schema, migrating it if it is older.

    Parameters
    ----------
    wait
        Wait for a server that does not answer, now and in every transaction, as long as the settings say.

    Raises
    ------
    StoreError
        There is no store and `create` is false, its folder can't be written, or a newer version made it.
    """
    if settings.database_url is None:
        path = settings.home / DATABASE_FILE
        if not create and not path.exists():
            raise StoreError(
                f"no store at {path} yet; 'stockrnn demo' makes one with simulated prices, 'stockrnn prices import' "
                "one with yours"
            )
        _make_folder(settings.home)
    engine = make_engine(settings)
    if wait:
        engine = patient(engine, seconds=settings.database_wait_seconds)
    upgrade(engine)
    return engine


def current_revision(connection: Connection) -> str | None:
    """Return the schema revision of the database, None where there is no schema."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar_one_or_none()


def head_revision() -> str | None:
    """Return the schema revision of this version of stockrnn."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing and rebuild the views, all in one transaction."""
    with reading(engine) as connection:
        current, head = current_revision(connection), head_revision()
    if current == head:
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(f"the database has schema {current}, which this version does not know; upgrade stockrnn")
    with writing(engine) as connection:  # of two that start at once the second finds everything done
        config = _config()
        config.attributes["connection"] = connection
        _drop_views(connection)
        alembic.command.upgrade(config, "head")
        _create_views(connection)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"can't make the data folder {folder}: {error.strerror}; set STOCKRNN_HOME to another"
        ) from None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(sql_folder() / "migrations").replace("%", "%%"))
    return config


def _drop_views(connection: Connection) -> None:
    for path in _view_files():
        connection.execute(text(f"drop view if exists {path.stem}"))


def _create_views(connection: Connection) -> None:
    for path in _view_files():
        connection.execute(text(f"create view {path.stem} as\n{path.read_text(encoding='utf-8')}"))


def _view_files() -> list[Path]:
    return sorted((sql_folder() / "views").glob("*.sql"))
