"""A store whose file is gone or empty is not made anew in silence; a fresh folder needs nothing."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from stockrnn.settings import Settings
from stockrnn.store.migrate import open_store

HOME = Path("stockrnn-data")
FILE, NOTE, LOG = (HOME / f"stockrnn.db{end}" for end in ("", ".txt", "-wal"))
COMMANDS = [
    ("prices", "import", "prices.csv", "--ticker", "META"),
    ("prices", "update", "--source", "simulated", "--ticker", "SIM-A"),
    ("nightly", "--source", "simulated", "--ticker", "SIM-A"),
    ("demo",),
    ("status",),
    ("sql", "models"),
    ("db", "upgrade"),
]


def empty():
    FILE.write_bytes(b"")


def replace():
    FILE.unlink()
    with closing(sqlite3.connect(FILE)) as connection, connection:
        connection.execute("create table mine (x)")


@pytest.mark.parametrize(
    ("lose", "state"),
    [(FILE.unlink, "is gone"), (empty, "is empty"), (replace, "holds no table of stockrnn's")],
    ids=["gone", "empty", "another"],
)
def test_every_command_says_that_a_store_is_lost_and_makes_none(cli, price_file, lose, state):
    open_store(Settings()).dispose()
    lose()
    before = {path: path.stat().st_size for path in HOME.iterdir()}
    for words in COMMANDS:
        result = cli(*words)
        assert (result.code, result.out if words != ("demo",) else "") == (1, ""), (words, result)
        assert result.err == (
            f"error: the store {FILE} {state}, and {NOTE.name} says that there was one; restore it from a backup, or "
            f"remove {NOTE} to begin anew\n"
        )
    assert {path: path.stat().st_size for path in HOME.iterdir()} == before


def test_removing_the_note_begins_anew(cli, price_file):
    open_store(Settings()).dispose()
    FILE.unlink()
    NOTE.unlink()
    assert cli(*COMMANDS[0]).code == 0
    assert "remove this file" in NOTE.read_text()


def test_a_log_that_was_left_alone_says_it_too(cli, price_file):
    crashed = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('pragma journal_mode = wal');"
    crashed += "c.execute('create table t (x)'); c.commit(); os._exit(0)"
    HOME.mkdir()
    subprocess.run([sys.executable, "-c", crashed, FILE], check=True)
    FILE.unlink()
    result = cli(*COMMANDS[0])
    assert (result.code, result.out) == (1, "")
    assert "is gone, and stockrnn.db-wal says that there was one" in result.err
    assert LOG.stat().st_size


def test_an_empty_file_without_a_note_is_no_lost_store_and_looking_makes_none(cli, price_file):
    HOME.mkdir()
    empty()
    assert "no store at" in cli("status").err
    assert FILE.stat().st_size == 0
    assert cli(*COMMANDS[0]).code == 0
    assert NOTE.exists()


def test_a_store_from_before_the_note_gets_one_when_it_is_opened():
    open_store(Settings()).dispose()
    NOTE.unlink()
    open_store(Settings(), create=False).dispose()
    assert NOTE.exists()
