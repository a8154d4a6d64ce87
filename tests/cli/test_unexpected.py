"""An error that nobody foresaw: one line for the user, the traceback in a file."""

import stat
import sys
from pathlib import Path

import pytest

from stockrnn.cli import app as command
from stockrnn.cli import main
from stockrnn.settings import load_settings
from stockrnn.store.migrate import open_store


@pytest.fixture
def fails(monkeypatch, capsys):
    """Run `stockrnn status` with something in it that breaks; return its code and what it says on standard error."""

    def run(error, *, broken="stockrnn.steps.status.read_status"):
        def break_down(*_, **__):
            raise error

        monkeypatch.setattr(broken, break_down)
        monkeypatch.setattr(sys, "argv", ["stockrnn", "status"])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, capsys.readouterr().err

    return run


@pytest.fixture
def store():
    """An empty store in the working folder; its file."""
    open_store(load_settings()).dispose()
    return Path("stockrnn-data/stockrnn.db")


def test_a_bug_is_one_line_that_names_it_and_where_its_traceback_is(fails, store):
    code, err = fails(KeyError("two\nlines"))
    file = store.with_name("traceback.txt")
    assert code == 1
    said = (
        "error: unexpected KeyError: 'two\\nlines'; this is a bug of stockrnn, please report it with the traceback in"
    )
    assert err == f"{said} {file}\n"
    assert "break_down" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_newest_traceback_replaces_the_one_before(fails, store):
    fails(KeyError("first"))
    fails(ValueError("second"))
    assert "first" not in store.with_name("traceback.txt").read_text()


def test_a_failure_of_the_machine_is_not_called_a_bug(fails, store):
    code, err = fails(OSError(28, "No space left on device"))
    assert code == 1
    assert err.startswith("error: the machine refused: OSError: [Errno 28] No space left on device; what was written")


def test_where_there_is_no_data_folder_the_traceback_goes_to_a_temporary_one(fails, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _, err = fails(KeyError("early"), broken="stockrnn.settings.Settings.settings_customise_sources")
    file = Path(err.rpartition(" in ")[2].strip())
    assert tmp_path in file.parents
    assert "early" in file.read_text()


def test_a_damaged_database_is_named_where_it_may_be_why(fails, store):
    content = store.read_bytes()
    middle = len(content) // 2
    store.write_bytes(content[:middle] + b"\xff" * 4096 + content[middle + 4096 :])
    code, err = fails(TypeError("what came of it"))
    assert code == 1
    assert err.startswith("error: the database is damaged, or holds what stockrnn never wrote: ")


def test_the_guard_is_the_commands_own_and_stops_no_signal(monkeypatch):
    def stop(**_):
        raise SystemExit(130)

    monkeypatch.setattr(command, "app", stop)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 130
