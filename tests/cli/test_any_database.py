"""Whatever stands in the database's file: an answer, or one line that says it is damaged; never a traceback."""

import sqlite3
from contextlib import closing

import pytest
from any_input import any_text, feeding
from hypothesis import given, settings
from hypothesis import strategies as st
from sampled import sample

LOOKS = (
    ("status",),
    ("status", "--format", "json"),
    ("sql", "forecast_vs_actual"),
    ("sql", "models", "--format", "json"),
    ("sql", "price_health"),
    ("score",),
    ("models", "list", "--all"),
    ("prices", "check"),
    ("db", "current"),
    ("db", "prune", "--dry-run"),
    ("replay", "--all"),
    ("forecast", "--ticker", "SIM-FAT", "--as-of", "2012-03-30"),
)


@pytest.fixture
def store(market):
    """A small store with prices, a model, forecasts and a score, and its file."""
    market.issue("2012-03-28")
    market.issue("2012-03-29")
    market.engine.dispose()
    path = market.settings.home / "stockrnn.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.execute("delete from prices where session < '2012-02-01'")
        connection.execute("pragma journal_mode = delete")
        connection.commit()
        connection.execute("vacuum")
    return path


@pytest.fixture
def answered(cli):
    def run(*words):
        result = cli(*words)
        assert result.code in {0, 1, 2}, words
        assert "Traceback" not in result.err + result.out, words
        assert result.err or result.code == 0 or result.out, words
        return result

    return run


def _restore(path, content):
    for name in ("stockrnn.db-wal", "stockrnn.db-shm"):
        path.with_name(name).unlink(missing_ok=True)
    path.write_bytes(content)


@feeding(None, 40)
def test_a_flipped_bit_anywhere_in_the_file_is_answered_in_words(answered, store, examples):
    content = store.read_bytes()

    @settings(max_examples=examples)
    @given(st.sampled_from(LOOKS), st.integers(0, len(content) - 1), st.integers(0, 7), st.integers(1, 20))
    def check(words, at, bit, length):
        flipped = bytes(byte ^ (1 << bit) for byte in content[at : at + length])
        _restore(store, content[:at] + flipped + content[at + length :])
        answered(*words)

    check()


@feeding(None, 40)
def test_any_value_in_any_column_is_answered_in_words(answered, store, examples):
    with closing(sqlite3.connect(store)) as connection:
        tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
        columns = [
            (table, column[1]) for table in tables for column in connection.execute(f"pragma table_info({table})")
        ]
    content = store.read_bytes()
    numbers = st.floats() | st.integers(-(2**63), 2**63 - 1)
    values = st.none() | any_text.filter(str.isprintable) | numbers | st.binary(max_size=9)
    dates = st.sampled_from(
        ("0001-01-01", "9999-12-31", "2012-02-30", "2012-03-29 25:00:00", "9999-12-31 23:59:59.9")
    )

    @settings(max_examples=examples)
    @given(st.sampled_from(LOOKS), st.sampled_from(columns), values | dates)
    def check(words, column, value):
        _restore(store, content)
        _write(store, *column, value)
        answered(*words)

    check()


def _write(path, table, column, value):
    """Write a value as someone with the file could, past every rule of the schema that it allows to switch off."""
    with closing(sqlite3.connect(path)) as connection:
        guards = connection.execute("select name, sql from sqlite_master where type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"drop trigger {name}")
        connection.execute("pragma foreign_keys = off")
        connection.execute("pragma ignore_check_constraints = on")
        try:
            connection.execute(f'update or ignore {table} set "{column}" = ?', (value,))
        except sqlite3.Error:
            connection.rollback()
        for _, text in guards:
            connection.execute(text)
        connection.commit()


@pytest.mark.parametrize(
    ("table", "column", "value", "says"),
    sample(
        [
            ("prices", "session", "2012-99-99", "month must be in 1..12"),
            ("prices", "session", "9999-12-31", "the year 9999 is out of range"),
            ("prices", "open", "ten", "could not convert string to float: 'ten'"),
            ("prices", "observed_at", "0001-01-01 00:00:00.000000", ""),
            ("forecasts", "quantiles", "{", ""),
            ("models", "config", "{", "JSONDecodeError"),
            ("models", "trained_at", "soon", "Invalid isoformat string: 'soon'"),
        ],
        first=2,
    ),
)
def test_a_value_that_no_one_of_ours_wrote_is_named_as_damage(answered, store, table, column, value, says):
    _write(store, table, column, value)
    result = answered("forecast", "--ticker", "SIM-FAT", "--as-of", "2012-03-30")
    if says:
        assert result.code == 1
        assert result.err.startswith("error: the database is damaged, or holds what stockrnn never wrote: ")
        assert says in result.err
        assert "restore a backup" in result.err


def test_a_file_that_sqlite_finds_malformed_says_what_to_do(answered, store):
    content = bytearray(store.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    _restore(store, bytes(content))
    result = answered("sql", "models")
    assert result.code == 1
    assert "the database is damaged" in result.err
    assert "restore a backup ('pragma integrity_check' says more of a SQLite file)" in result.err
