"""Columns whose values are checked on their way out: a file's bits flip, and anyone may write to a database."""

from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import Date as SqlDate
from sqlalchemy import Dialect, TypeDecorator
from sqlalchemy import Double as SqlDouble
from sqlalchemy.engine.processors import to_float

from stockrnn.types import require_known_year


class Date(TypeDecorator[date]):
    """A date of a year that calendars know."""

    impl = SqlDate
    cache_ok = True

    def process_result_value(self, value: date | None, dialect: Dialect) -> date | None:  # noqa: ARG002
        """Refuse a year that is out of range; the error is explained where the database is read."""
        return None if value is None else require_known_year(value)


class Double(SqlDouble[float]):
    """A number, or NULL; SQLite would hand over a text that stands in its place."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], float | None] | None:  # noqa: ARG002
        """Make a float of what the database hands over."""
        return to_float if dialect.name == "sqlite" else None
