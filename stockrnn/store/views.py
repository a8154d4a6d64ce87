"""The views of `sql/views`: which are ours, which are missing, and how they are replaced.

A mark tells ours from other people's: on Postgres the view's comment, on SQLite a comment in its text. Only what
bears it is ever dropped or replaced.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from stockrnn.errors import StoreError
from stockrnn.store import views_postgres
from stockrnn.store.schema import METADATA

MARK = "made by stockrnn"

_RELATIONS = "select name, type, sql like '%' || :mark || '%' from sqlite_master where type in ('table', 'view')"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a view or the like; `ours` where it bears our mark, as our views do."""

    kind: str
    ours: bool


def read_relations(connection: Connection) -> dict[str, Relation]:
    """Return what stands in the schema of our tables, by name."""
    query = views_postgres.RELATIONS if connection.dialect.name == "postgresql" else _RELATIONS
    rows = connection.execute(text(query), {"mark": MARK})
    return {name.lower(): Relation(kind, bool(ours)) for name, kind, ours in rows}


def find_missing(relations: Mapping[str, Relation], folder: Path) -> list[str]:
    """Return the names of the views that are not there, or whose name another thing than a view has."""
    return [name for name in _names(folder) if name not in relations or relations[name].kind != "view"]


def refuse_foreign(relations: Mapping[str, Relation], folder: Path) -> None:
    """Refuse to go on where something that stockrnn did not make has one of its names.

    Raises
    ------
    StoreError
    """
    names = {*_names(folder), *(() if "alembic_version" in relations else METADATA.tables)}
    for name in sorted(names & set(relations)):
        kind, ours = relations[name].kind, relations[name].ours
        if not ours:
            raise StoreError(
                f"the database has a {kind} {name} that does not say it is {MARK}, which needs the name: rename "
                "it, or give stockrnn a database of its own. Nothing was changed"
            )


def remove_views(connection: Connection, relations: Mapping[str, Relation]) -> views_postgres.Removed:
    """Drop our views; those of Postgres that other people's objects stand on are kept, to be replaced in place."""
    ours = [name for name, relation in relations.items() if relation.ours and relation.kind == "view"]
    if connection.dialect.name == "postgresql":
        return views_postgres.remove_views(connection, ours)
    for name in ours:
        connection.execute(text(f"drop view {name}"))
    return views_postgres.Removed()


def make_views(connection: Connection, folder: Path, removed: views_postgres.Removed) -> None:
    """Make all views anew, or replace them in place, and let others do with them what they were allowed to."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(views_postgres.JULIANDAY))
        views_postgres.drop_kept(connection, removed.kept.keys() - set(_names(folder)))
    for name in _names(folder):
        query = (folder / f"{name}.sql").read_text(encoding="utf-8")
        if connection.dialect.name == "postgresql":
            views_postgres.make_view(connection, name, query, removed, mark=MARK)
        else:
            connection.execute(text(f"create view {name} as /* {MARK} */\n{query}"))


@contextmanager
def naming_obstacles(removed: views_postgres.Removed) -> Iterator[None]:
    """Say in one line what of other people's a change of the schema meets.

    Raises
    ------
    StoreError
    """
    try:
        yield
    except DBAPIError as error:
        found = views_postgres.read_obstacles(error, removed)
        if found is None:
            raise
        raise StoreError(
            f"the schema of this version can't be made: {found}; drop what is named here, run 'stockrnn db upgrade', "
            "and make it again. Nothing was changed"
        ) from error


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.sql"))
