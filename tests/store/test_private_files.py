"""What is written in the data folder is for its user alone, or for a group where the settings say so."""

import os
import stat

import pytest
from sqlalchemy import text

from stockrnn.settings import Settings
from stockrnn.store.engine import reading, writing
from stockrnn.store.migrate import open_store


@pytest.fixture(autouse=True)
def _loose():
    before = os.umask(0)
    yield
    os.umask(before)


def modes(home):
    return {
        path.relative_to(home).as_posix(): oct(stat.S_IMODE(path.stat().st_mode)) for path in [home, *home.rglob("*")]
    }


@pytest.mark.parametrize(("mode", "file", "folder"), [("private", "0o600", "0o700"), ("group", "0o660", "0o770")])
def test_database_log_reports_and_folders_are_for_whom_the_settings_say(tmp_path, mode, file, folder):
    settings = Settings(home=tmp_path / "home", file_mode=mode)
    engine = open_store(settings)
    with reading(engine) as reader, writing(engine) as writer:
        reader.execute(text("select 1"))
        writer.execute(text("delete from runs"))
        (settings.home / "prefect").mkdir()
        (settings.home / "prefect" / "prefect.db").touch()
        found = modes(settings.home)
    assert found == {
        ".": folder, "prefect": folder, "prefect/prefect.db": file, "stockrnn.db": file, "stockrnn.db.txt": file,
        "stockrnn.db-wal": file, "stockrnn.db-shm": file,
    }  # fmt: skip
    engine.dispose()


def test_what_is_there_keeps_its_permissions(tmp_path):
    settings = Settings(home=tmp_path)
    open_store(settings).dispose()
    tmp_path.chmod(0o751)
    (tmp_path / "stockrnn.db").chmod(0o644)
    engine = open_store(settings)
    with writing(engine) as connection:
        connection.execute(text("delete from runs"))
        assert modes(tmp_path) == {
            ".": "0o751", "stockrnn.db": "0o644", "stockrnn.db.txt": "0o600", "stockrnn.db-wal": "0o644",
            "stockrnn.db-shm": "0o644",
        }  # fmt: skip
    engine.dispose()
