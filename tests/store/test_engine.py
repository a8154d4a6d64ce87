from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text

from stockrnn.errors import StoreError
from stockrnn.store.engine import reading, writing


@pytest.fixture
def counter(engine):
    """A table with one number, 0."""
    with writing(engine) as connection:
        connection.execute(text("create table counter (value integer)"))
        connection.execute(text("insert into counter values (0)"))
    return engine


def read_value(engine):
    with reading(engine) as connection:
        return connection.scalar(text("select value from counter"))


def write_value(connection, value):
    connection.execute(text("update counter set value = :value"), {"value": value})


def test_writers_at_the_same_time_lose_no_update(counter):
    start = Barrier(2)

    def read_then_write(times):
        start.wait()
        for _ in range(times):
            with writing(counter) as connection:
                write_value(connection, connection.scalar(text("select value from counter")) + 1)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(read_then_write, 50) for _ in range(2)]:
            done.result()
    assert read_value(counter) == 100


def test_a_reader_does_not_wait_for_a_writer_and_sees_what_was_committed(counter):
    with writing(counter) as connection:
        write_value(connection, 7)
        assert read_value(counter) == 0
    assert read_value(counter) == 7


def test_a_writer_does_not_wait_for_a_reader_who_goes_on_seeing_the_same(counter):
    with reading(counter) as connection:
        assert connection.scalar(text("select value from counter")) == 0
        with writing(counter) as other:
            write_value(other, 7)
        assert connection.scalar(text("select value from counter")) == 0
    assert read_value(counter) == 7


def test_whatever_a_reader_writes_is_rolled_back(counter):
    with reading(counter) as connection:
        write_value(connection, 7)
    assert read_value(counter) == 0


def test_a_block_that_fails_is_rolled_back_whole_and_its_error_is_kept(counter):
    def write_and_fail(connection):
        write_value(connection, 7)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"), writing(counter) as connection:
        write_and_fail(connection)
    assert read_value(counter) == 0


def test_what_the_database_refuses_is_explained_in_one_line(counter):
    rule = "the database refused: no such table: nosuch; see"
    with pytest.raises(StoreError, match=rule) as refused, writing(counter) as connection:
        connection.execute(text("select * from nosuch"))
    assert "\n" not in str(refused.value)
