"""Copy a store to another database: every row of every table, the record with the times that it was recorded at."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pydantic import SecretStr
from sqlalchemy import (
    Connection,
    Engine,
    LargeBinary,
    Row,
    Select,
    Table,
    func,
    literal,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError

from stockrnn.errors import StoreError, UsageError
from stockrnn.settings import Settings
from stockrnn.store.engine import make_engine, reading, writing
from stockrnn.store.guards import install_guards, remove_guards
from stockrnn.store.migrate import migrate
from stockrnn.store.schema import METADATA

LOG = logging.getLogger("stockrnn")

_BATCH, _BATCH_OF_BLOBS = 5000, 20
"""Rows in memory at a time: some megabytes, also where each holds the weights of a model."""


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table as both databases hold it: rows, and a checksum of them that does not depend on their order."""

    name: str
    rows: int
    sha256: str


def copy_store(source: Engine, target: Engine) -> list[CopiedTable]:
    """Copy all rows into an empty database, in one transaction, and read them back.

    Nobody sees the target before its guards stand. What is written to the source meanwhile is not copied.

    Raises
    ------
    StoreError
        The target holds rows, or what is read back differs; nothing was copied.
    """
    with reading(source) as old, writing(target) as new:
        migrate(new)
        _require_empty(new)
        remove_guards(new)
        copied = [_copy_table(table, old, new) for table in METADATA.sorted_tables]
        install_guards(new)
    return copied


def make_target(settings: Settings, url: str) -> Engine:
    """Return the engine of the database that `url` names; nothing is opened yet.

    Raises
    ------
    UsageError
        It is no database URL, or holds a password, which everybody on the machine could read beside the command.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(
            "that is no database URL; expected something like postgresql+psycopg://user@host/database or "
            "sqlite:///folder/stockrnn.db"
        ) from None
    if parsed.password is not None or "password" in parsed.query:
        raise UsageError(
            "a password in a command can be read by everybody on this machine: leave it out of the URL and set "
            "PGPASSWORD, or write it into ~/.pgpass"
        )
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    whole = SecretStr(parsed.render_as_string(hide_password=False))
    return make_engine(settings.model_copy(update={"database_url": whole}))


def _require_empty(target: Connection) -> None:
    names = ", ".join(METADATA.tables)
    if target.dialect.name == "postgresql":  # SQLite's writer has the file alone
        target.execute(text(f"lock table {names} in access exclusive mode"))
    for table in METADATA.sorted_tables:
        if target.execute(select(literal(1)).select_from(table).limit(1)).first():
            raise StoreError(
                f"the target holds rows already ({table.name}): a store is copied into an empty database only"
            )


def _copy_table(table: Table, source: Connection, target: Connection) -> CopiedTable:
    read = 0
    rows = source.execute(_ordered(table), execution_options={"yield_per": _batch(table)})
    for batch in rows.partitions():
        target.execute(table.insert(), [dict(row._mapping) for row in batch])  # noqa: SLF001  # public, says SQLAlchemy
        read += _digest(batch)
    stood, copied = (
        CopiedTable(
            table.name, connection.scalar(select(func.count()).select_from(table)) or 0, f"{found % 2**256:064x}"
        )
        for connection, found in ((source, read), (target, _digest_all(table, target)))
    )
    if stood != copied:
        raise StoreError(
            f"{table.name}: {stood.rows} rows stand there, {copied.rows} would here, or some of them would differ; "
            "nothing was copied"
        )
    if copied.rows:
        LOG.info("%s: %d rows copied", table.name, copied.rows)
    return copied


def _batch(table: Table) -> int:
    return _BATCH_OF_BLOBS if any(isinstance(column.type, LargeBinary) for column in table.c) else _BATCH


def _ordered(table: Table) -> Select[tuple[object, ...]]:
    """Select all rows; where a row may name another one of its table, that one comes first."""
    own = [key for key in table.foreign_keys if key.column.table is table]
    if not own:
        return select(table)
    (key,) = own
    older, name = key.parent, key.column
    first = select(name, literal(0).label("generation")).where(older.is_(None)).cte(recursive=True)
    child = table.alias()
    later = select(child.c[name.name], first.c.generation + 1).join(first, child.c[older.name] == first.c[name.name])
    generations = first.union_all(later)
    return select(table).join(generations, generations.c[name.name] == name).order_by(generations.c.generation)


def _digest_all(table: Table, connection: Connection) -> int:
    rows = connection.execute(select(table), execution_options={"yield_per": _batch(table)})
    return sum(_digest(batch) for batch in rows.partitions())


def _digest(rows: Sequence[Row[tuple[object, ...]]]) -> int:
    """Return the sum of the rows' hashes, which is the same in every order."""
    written = (json.dumps([_plain(value) for value in row], sort_keys=True) for row in rows)
    return sum(int.from_bytes(hashlib.sha256(line.encode()).digest()) for line in written)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    # SQLite knows no negative zero
    return value + 0.0 if isinstance(value, float) else value
