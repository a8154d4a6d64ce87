"""What another process or session has locked is waited for as long as the settings say, with a line that says so."""

import logging
import signal
import sqlite3
import time
from contextlib import closing, contextmanager
from threading import Timer

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from stockrnn.errors import StoreLockedError
from stockrnn.settings import Settings
from stockrnn.store import postgres as servers
from stockrnn.store import sqlite as files
from stockrnn.store.engine import compact, make_engine, reading, writing
from stockrnn.store.migrate import open_store
from stockrnn.store.url import DATABASE_FILE


@contextmanager
def locked(settings, how="begin immediate"):
    """Lock the file as another process would."""
    with closing(sqlite3.connect(settings.home / DATABASE_FILE, check_same_thread=False)) as other:
        other.isolation_level = None
        other.execute(how)
        yield other


def impatient(settings, seconds):
    return settings.model_copy(update={"database_wait_seconds": seconds})


def write(engine):
    with writing(engine) as connection:
        connection.execute(text("delete from runs"))


def test_a_locked_file_is_waited_for_as_long_as_the_settings_say_and_then_named(
    settings, engine, monkeypatch, caplog
):
    monkeypatch.setattr(files, "_SAY_SECONDS", 0.1)
    monkeypatch.setattr(files, "_TRY_SECONDS", 0.05)
    began = time.monotonic()
    with locked(settings), pytest.raises(StoreLockedError) as refused:
        write(make_engine(impatient(settings, 0.4)))
    took = time.monotonic() - began
    file = settings.home / DATABASE_FILE
    assert 0.4 <= took < 1.5
    assert str(refused.value).startswith(f"another process had locked {file} for 0.4 s, as long as database_wait_")
    assert [record.getMessage() for record in caplog.records] == [
        f"waiting for {file}, which another process has locked; up to 0.4 s"
    ]


def test_a_lock_that_ends_in_time_is_no_failure(settings, engine):
    with locked(settings) as other:
        timer = Timer(0.3, other.rollback)
        timer.start()
        write(make_engine(impatient(settings, 10)))
        timer.join()


@pytest.mark.parametrize("seconds", [0, 0.2])
def test_a_file_that_is_being_made_or_vacuumed_is_waited_for_too(tmp_path, seconds):
    settings = Settings(home=tmp_path, database_wait_seconds=seconds)
    with locked(settings, "begin exclusive"), pytest.raises(StoreLockedError):
        open_store(settings)
    engine = open_store(settings)
    with locked(settings), pytest.raises(StoreLockedError):
        compact(engine)


def test_ctrl_c_is_heard_while_a_lock_is_waited_for(settings, engine, monkeypatch):
    monkeypatch.setattr(files, "_TRY_SECONDS", 0.1)

    def stop(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    began = time.monotonic()
    try:
        with locked(settings), pytest.raises(KeyboardInterrupt):
            write(make_engine(settings))  # which would wait for 90 s
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 2


@pytest.fixture
def served(postgres):
    return Settings(database_url=SecretStr(postgres.make()), database_wait_seconds=0.4)


TOUCH = "update alembic_version set version_num = version_num"
LOCKS = {
    "lock table runs in access exclusive mode": ("table runs", "select count(*) from runs", True),
    "lock table runs in share mode": ("table runs", "delete from runs", False),
    f"{TOUCH} || ''": ("rows", TOUCH, False),
    "select pg_advisory_xact_lock(7)": ("the lock of a run", "select pg_advisory_xact_lock(7)", False),
}


EVERY_TIME = ("lock table runs in access exclusive mode", "select pg_advisory_xact_lock(7)")


@pytest.mark.parametrize(
    "lock", [lock if lock in EVERY_TIME else pytest.param(lock, marks=pytest.mark.exhaustive) for lock in LOCKS]
)
def test_what_another_session_has_locked_is_waited_for_as_long_and_named(served, monkeypatch, caplog, lock):
    what, statement, reads = LOCKS[lock]
    monkeypatch.setattr(servers, "_SAY_SECONDS", 0.1)
    engine, other = make_engine(served), make_engine(served)
    began = time.monotonic()

    def wait():
        with (reading if reads else writing)(engine) as connection:
            connection.execute(text(statement))

    with reading(other) as holder:  # as a session that is not ours
        holder.execute(text(lock))
        pid = holder.scalar(text("select pg_backend_pid()"))
        with pytest.raises(StoreLockedError) as refused:
            wait()
    assert 0.4 <= time.monotonic() - began < 3
    who = f"session {pid} of postgres (idle in transaction)"
    assert str(refused.value).startswith(f"{who} had locked {what} for 0.4 s")
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == [f"waiting for {what}, which {who} has locked; up to 0.4 s"]
    wait()
    engine.dispose()
    other.dispose()


def test_a_session_that_waits_for_nothing_says_nothing(served, monkeypatch, caplog):
    monkeypatch.setattr(servers, "_SAY_SECONDS", 0.1)
    engine = make_engine(served)
    with reading(engine) as connection:
        connection.execute(text("select pg_sleep(0.3)"))
    assert caplog.records == []
    engine.dispose()
