"""Every named query and view gives the same rows on SQLite and on a real Postgres."""

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from inline import walk_night
from nights import NEW_YORK
from pydantic import SecretStr
from scenario import SMALL, SMALL_QUANTILE
from sqlalchemy import Engine, insert, select, text

from stockrnn.settings import Settings
from stockrnn.store.actions import write_actions
from stockrnn.store.engine import make_engine, reading, writing
from stockrnn.store.migrate import open_store, sql_folder
from stockrnn.store.prices import read_bars, write_bars
from stockrnn.store.queries import get_query, list_queries, run_query
from stockrnn.store.schema import METADATA
from stockrnn.types import Action, Bars, PriceIssue, Span

pytestmark = pytest.mark.exhaustive

TICKERS = ("SIM-WALK", "SIM-FAT")
NIGHTS = NEW_YORK.sessions(date(2024, 2, 23), date(2024, 3, 8))
MISSED = (7, 8)
VIEWS = sorted(path.stem for path in (sql_folder() / "views").glob("*.sql"))
# each database stamps its own clock
OWN = {"recorded_at"}


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory) -> Iterator[Engine]:
    """Eleven nights of two tickers, two of them missed; then a split, an action and an issue."""
    settings = Settings(home=tmp_path_factory.mktemp("same"), specs={"tutorial": SMALL, "quantile": SMALL_QUANTILE})
    engine = open_store(settings)
    for at, day in enumerate(NIGHTS):
        now = datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
        if at not in MISSED:
            walk_night(settings, engine, now, TICKERS, pictures=False)
    with writing(engine) as connection:
        bars = read_bars(connection, "SIM-FAT")
        bars[["open", "high", "low", "close", "adj_close"]] /= 4
        issue = PriceIssue(session=NIGHTS[-1].date(), kind="missing_price", detail="close is missing", raw={"a": 1})
        made = Bars(frame=bars, issues=(issue,))
        options = {"calendar": "XNYS", "currency": "USD", "source": "simulated"}
        write_bars(connection, "SIM-FAT", made, **options, observed_at=now + timedelta(hours=1))
        dividend = Action(ex_date=NIGHTS[3].date(), kind="dividend", value=0.25)
        asked = Span(NIGHTS[0].date(), NIGHTS[-1].date())
        write_actions(connection, "SIM-FAT", [dividend], asked=asked, observed_at=now)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def postgres_copy(sqlite, postgres) -> Iterator[Engine]:
    """The same rows on Postgres."""
    engine = make_engine(Settings(database_url=SecretStr(postgres.make(empty=False))))
    with reading(sqlite) as source, writing(engine) as copy:
        for table in METADATA.sorted_tables:
            columns = [column for column in table.columns if column.name not in OWN]
            rows = [dict(row) for row in source.execute(select(*columns)).mappings()]
            if rows:
                copy.execute(insert(table), rows)
    yield engine
    engine.dispose()


def ask(engine, name):
    with reading(engine) as connection:
        table = run_query(connection, get_query(name), {})
    return table.columns, table.rows


def look(engine, view):
    with reading(engine) as connection:
        result = connection.execute(text(f"select * from {view}"))
        return tuple(result.keys()), sorted(
            (tuple(row) for row in result), key=lambda row: (str(row[:4]), str(row[-1]))
        )


def assert_same_rows(found, expected):
    """The same columns and rows in the same order; floats may differ in their last bits, from adding up."""
    columns, rows = expected
    assert found[0] == columns
    assert len(found[1]) == len(rows)
    assert rows
    for row, other in zip(found[1], rows, strict=True):
        for name, value, wanted in zip(columns, row, other, strict=True):
            if name not in OWN:
                assert plain(value) == (pytest.approx(wanted, rel=1e-12) if is_number(wanted) else plain(wanted)), (
                    name
                )


def is_number(value):
    return isinstance(value, float) and math.isfinite(value)


def plain(value):
    """Times and flags, which SQLite keeps as text and as numbers in raw SQL, as Python means them."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return value


@pytest.mark.parametrize("name", [query.name for query in list_queries()])
def test_a_named_query_gives_the_same_rows_on_both_databases(sqlite, postgres_copy, name):
    assert_same_rows(ask(postgres_copy, name), ask(sqlite, name))


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_gives_the_same_rows_on_both_databases(sqlite, postgres_copy, view):
    assert_same_rows(look(postgres_copy, view), look(sqlite, view))
