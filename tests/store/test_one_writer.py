"""One writer at a time on Postgres too, whatever its defaults are, and what it refuses in one line."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from stockrnn.errors import StoreError, StoreUnreachableError
from stockrnn.settings import Settings
from stockrnn.store.engine import make_engine, reading, writing
from stockrnn.store.migrate import open_store


@pytest.fixture
def counter(postgres) -> Iterator[Engine]:
    """A table with one number, 0, in a database whose transactions are serializable by default."""
    url = SecretStr(postgres.make())
    engine = make_engine(Settings(database_url=url))
    with writing(engine) as connection:
        connection.execute(text("create table counter (value integer)"))
        connection.execute(text("insert into counter values (0)"))
        name = connection.scalar(text("select current_database()"))
        connection.execute(text(f"alter database {name} set default_transaction_isolation = 'serializable'"))
    engine.dispose()
    engine = make_engine(Settings(database_url=url))
    yield engine
    engine.dispose()


def read_value(engine):
    with reading(engine) as connection:
        return connection.scalar(text("select value from counter"))


def write_value(connection, value):
    connection.execute(text("update counter set value = :value"), {"value": value})


def at_once(*works: Callable[[], object]) -> list[object]:
    """Run all at the same time; what each returned."""
    start = Barrier(len(works))

    def run(work):
        start.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [done.result() for done in [pool.submit(run, work) for work in works]]


def test_what_a_writer_read_stays_true_until_it_has_written(counter):
    def count():
        for _ in range(25):
            with writing(counter) as connection:
                write_value(connection, connection.scalar(text("select value from counter")) + 1)

    at_once(*[count] * 4)
    assert read_value(counter) == 100


def test_a_writer_decides_by_what_the_one_before_has_written(counter):
    """As a step does: whether there is a row already."""

    def add_once():
        with writing(counter) as connection:
            connection.execute(text("select value from counter")).all()
            if connection.scalar(text("select count(*) from counter where value = 7")) == 0:
                connection.execute(text("insert into counter values (7)"))

    at_once(*[add_once] * 4)
    with reading(counter) as connection:
        assert connection.scalar(text("select count(*) from counter where value = 7")) == 1


def test_a_reader_sees_one_moment_and_neither_waits_nor_lets_wait(counter):
    with reading(counter) as connection:
        assert connection.scalar(text("select value from counter")) == 0
        with writing(counter) as other:
            write_value(other, 7)
            assert read_value(counter) == 0
        assert connection.scalar(text("select value from counter")) == 0
    assert read_value(counter) == 7


def test_stores_in_two_schemas_of_a_database_do_not_wait_for_each_other(counter):
    with writing(counter) as connection:
        connection.execute(text("create schema other"))
    url = counter.url.update_query_dict({"options": "-csearch_path=other"}, append=True)
    other = make_engine(Settings(database_url=SecretStr(url.render_as_string(hide_password=False))))
    with writing(counter), writing(other) as connection:
        assert connection.scalar(text("select current_schema()")) == "other"
    other.dispose()


def test_a_store_that_is_opened_twice_at_once_is_made_once(postgres):
    settings = Settings(database_url=SecretStr(postgres.make(empty=True)))
    first, second = at_once(*[lambda: open_store(settings)] * 2)
    with reading(first) as connection:
        assert connection.scalar(text("select count(*) from alembic_version")) == 1
    first.dispose()
    second.dispose()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "set local statement_timeout = 1; select pg_sleep(1)",
            "canceling statement due to statement timeout; the ",
        ),
        (
            "select pg_cancel_backend(pg_backend_pid()), pg_sleep(1)",
            "canceling statement due to user request; the ",
        ),
        (
            "do $$ begin raise exception 'could not serialize' using errcode = '40001'; end $$",
            "could not serialize CONTEXT: PL/pgSQL function inline_code_block line 1 at RAISE; another session",
        ),
        (
            "do $$ begin raise exception 'deadlock detected' using errcode = '40P01'; end $$",
            "deadlock detected CONTEXT: PL/pgSQL function inline_code_block line 1 at RAISE; this and another",
        ),
    ],
    ids=["timeout", "cancelled", "serialization", "deadlock"],
)
def test_a_statement_that_was_stopped_is_explained_in_one_line_and_is_no_unreachable_server(
    counter, statement, expected
):
    def write_and_be_stopped():
        with writing(counter) as connection:
            write_value(connection, 7)
            connection.exec_driver_sql(statement)

    with pytest.raises(StoreError) as refused:
        write_and_be_stopped()
    assert str(refused.value).startswith(f"the database refused: {expected}")
    assert "\n" not in str(refused.value)
    assert not isinstance(refused.value, StoreUnreachableError)
    assert read_value(counter) == 0
