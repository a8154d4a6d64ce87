"""Named queries: one SQL file each in sql/queries, with a comment on top that says what it answers.

A second comment line may name its parameters: `-- params: ticker (default: all), spec (default: all)`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from stockrnn.errors import QueryError
from stockrnn.store.migrate import sql_folder

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A named query, what it answers, and the parameters it takes (each may be left out)."""

    name: str
    answers: str
    sql: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a query answered: column names and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def list_queries() -> list[Query]:
    """Return all named queries in order."""
    return [_load(path.stem) for path in sorted((sql_folder() / "queries").glob("*.sql"))]


def get_query(name: str) -> Query:
    """Return the query called `name`; `QueryError` names those that exist."""
    known = [query.name for query in list_queries()]
    if name not in known:
        raise QueryError(f"no query {name!r}; known: {', '.join(known)}")
    return _load(name)


def run_query(connection: Connection, query: Query, parameters: Mapping[str, str]) -> Table:
    """Run a named query. A parameter that is not given is NULL, which its query reads as `all`.

    Raises
    ------
    QueryError
        A parameter that the query does not take.
    """
    unknown = sorted(set(parameters) - set(query.parameters))
    if unknown:
        takes = ", ".join(query.parameters) or "no parameters"
        raise QueryError(f"query {query.name!r} has no parameter {', '.join(unknown)}; it takes {takes}")
    values = {name: parameters.get(name) for name in query.parameters}
    result = connection.execute(text(query.sql), values)
    return Table(columns=tuple(result.keys()), rows=tuple(tuple(row) for row in result))


def _load(name: str) -> Query:
    sql = (sql_folder() / "queries" / f"{name}.sql").read_text(encoding="utf-8")
    answers = sql.splitlines()[0].removeprefix("--").strip()
    statement = "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
    parameters = tuple(dict.fromkeys(_PARAMETER.findall(statement)))
    return Query(name=name, answers=answers, sql=statement, parameters=parameters)
