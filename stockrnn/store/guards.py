"""The triggers that keep the record from being rewritten, made from the tables for both databases.

They stand beside the schema, not in a migration: `migrate` removes them before it changes tables and installs them
again in the same transaction. `guarded` says what is refused, `sql/README.md` what that proves and what it can't.
"""

from typing import Protocol

from sqlalchemy import Connection, text

from stockrnn.store import guards_postgres, guards_sqlite


class _Dialect(Protocol):
    """How a database writes its triggers."""

    def read_schema(self, connection: Connection, /) -> str: ...

    def make_functions(self, schema: str, /) -> list[str]: ...

    def make_triggers(self, schema: str, /) -> dict[str, list[str]]: ...

    def read_triggers(self, connection: Connection, /, *, working: bool = False) -> dict[str, str]: ...


def install_guards(connection: Connection) -> None:
    """Make all triggers anew: none is missing afterwards, and none of an earlier version is left."""
    remove_guards(connection)
    dialect = _dialect(connection)
    schema = dialect.read_schema(connection)
    for statements in (dialect.make_functions(schema), *dialect.make_triggers(schema).values()):
        for statement in statements:
            connection.execute(text(statement))


def remove_guards(connection: Connection) -> None:
    """Drop all triggers; whoever does so installs them again before the transaction ends."""
    for drop in _dialect(connection).read_triggers(connection).values():
        connection.execute(text(drop))


def is_guarded(connection: Connection) -> bool:
    """Whether no trigger is missing or disabled."""
    dialect = _dialect(connection)
    return dialect.make_triggers("").keys() <= dialect.read_triggers(connection, working=True).keys()


def _dialect(connection: Connection) -> _Dialect:
    return guards_postgres if connection.dialect.name == "postgresql" else guards_sqlite
