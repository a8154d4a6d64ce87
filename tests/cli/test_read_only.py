"""A store that can't be written is read all the same, and whoever would write in it hears why not in one line."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from pydantic import SecretStr
from read_only import run_held
from sqlalchemy import text

from stockrnn.errors import StoreError
from stockrnn.settings import Settings
from stockrnn.store.engine import reading, writing
from stockrnn.store.folder import find_note
from stockrnn.store.migrate import current_revision, head_revision, open_store
from stockrnn.store.url import DATABASE_FILE

COMMANDS = {
    "status": ("status", "--format", "json"),
    "sql": ("sql", "price_health", "--format", "csv"),
    "current": ("db", "current"),
    "prune": ("db", "prune", "--dry-run"),
    "import": ("prices", "import", "META.csv"),
    "resolve": ("prices", "resolve", "--ticker", "META", "--session", "2015-03-27"),
    "nightly": ("nightly", "--source", "stored", "--ticker", "META"),
    "report": ("report", "--ticker", "META"),
}
RUN_ALL = """
import contextlib, io, json, os, sys
from stockrnn.cli import main

def run(folder, words):
    os.environ["STOCKRNN_HOME"] = folder
    sys.argv, code = ["stockrnn", *words], 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, out.getvalue(), err.getvalue()

folders, commands = json.loads(sys.argv[1]), json.loads(sys.argv[2])
print(json.dumps({folder: {name: run(folder, words) for name, words in commands.items()} for folder in folders}))
"""


@pytest.fixture
def made(tmp_path, price_file, cli, monkeypatch):
    """A store with a few prices, and the file that they came from."""
    (tmp_path / "META.csv").write_bytes(b"".join(price_file.read_bytes().splitlines(keepends=True)[:60]))
    with monkeypatch.context() as patch:
        patch.setenv("STOCKRNN_HOME", str(tmp_path / "made"))
        assert cli("prices", "import", tmp_path / "META.csv").code == 0
    return tmp_path / "made"


def copy(made, name, *, file, folder):
    there = made.parent / name
    shutil.copytree(made, there)
    (there / DATABASE_FILE).chmod(file)
    there.chmod(folder)
    return there


@pytest.fixture(autouse=True)
def _removable(tmp_path):
    yield
    for folder in tmp_path.iterdir():
        if folder.is_dir():
            folder.chmod(0o755)


def run_all(folders, commands, cwd):
    done = run_held("-c", RUN_ALL, json.dumps([str(one) for one in folders]), json.dumps(commands), cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.exhaustive
def test_a_store_that_cant_be_written_is_looked_at_and_a_writer_gets_one_line(made):
    file, folder, both, old = (
        copy(made, "file", file=0o444, folder=0o755),
        copy(made, "folder", file=0o644, folder=0o555),
        copy(made, "both", file=0o444, folder=0o555),
        copy(made, "old", file=0o644, folder=0o755),
    )
    with closing(sqlite3.connect(old / DATABASE_FILE)) as connection:
        connection.execute("pragma journal_mode = delete")  # as for a medium that is read alone
    (old / DATABASE_FILE).chmod(0o444)
    find_note(old / DATABASE_FILE).unlink()
    old.chmod(0o555)
    before = {one: (one / DATABASE_FILE).read_bytes() for one in (file, folder, both, old)}
    for one, results in run_all(before, COMMANDS, made.parent).items():
        assert results["status"][0] == 1, results["status"]  # for no run was yet
        assert json.loads(results["status"][1])["tickers"][0]["last_session"] == "2015-03-27"
        code, out, err = results["sql"]
        assert (code, "META,XNYS" in out, err) == (0, True, "")
        assert results["current"] == [0, "schema 0001, this version's is 0001\n", ""]
        assert results["prune"][0] == 0
        for writer in ("import", "resolve", "nightly"):
            code, out, err = results[writer]
            assert (code, err.count("\n"), "Traceback" in err) == (1, 1, False), (one, writer, err)
            assert err.startswith("error: "), (one, writer, err)
            assert "can't be written: it or its folder is read-only" in err, (one, writer, err)
        assert "Traceback" not in results["report"][2]
    assert {one: (one / DATABASE_FILE).read_bytes() for one in before} == before


def test_a_store_that_cant_be_written_is_read_unless_its_log_would_be_overlooked(made):
    whole, halved = copy(made, "whole", file=0o444, folder=0o555), made.parent / "halved"
    halved.mkdir()
    with closing(sqlite3.connect(made / DATABASE_FILE)) as owner:
        owner.execute("update instruments set active = 0")
        owner.commit()  # it stands in the log
        for end in ("", "-wal"):
            shutil.copy(made / f"{DATABASE_FILE}{end}", halved)
        halved.chmod(0o555)
        for path in made.iterdir():
            path.chmod(0o444)
        made.chmod(0o555)
        results = run_all([whole, halved, made], {name: COMMANDS[name] for name in ("sql", "import")}, made.parent)
    for folder, active in ((whole, 1), (made, 0)):
        code, out, err = results[str(folder)]["sql"]
        assert (code, f"META,XNYS,{active}" in out, err) == (0, True, "")
        code, out, err = results[str(folder)]["import"]
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert f"{folder / DATABASE_FILE} can't be written: it or its folder is read-only for this user" in err
    code, out, err = results[str(halved)]["sql"]
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "stockrnn.db-wal holds what was written last, and its folder is read-only; copy both files" in err


@pytest.mark.exhaustive
def test_a_medium_that_is_mounted_read_only_is_looked_at_by_root_too(made):
    words = f"mount --bind {made} {made} && mount -o remount,ro,bind {made}"
    held = ["unshare", "--mount", "sh", "-c"]
    if os.geteuid() or subprocess.run([*held, words], capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root and its powers")
    environment = {**os.environ, "STOCKRNN_HOME": str(made)}
    run = f"{words} && cd {made.parent} && exec {sys.executable} -m stockrnn"
    looked = subprocess.run(
        [*held, f"{run} sql price_health --format csv"], env=environment, capture_output=True, text=True, check=False
    )
    assert (looked.returncode, looked.stderr) == (0, "")
    assert "META,XNYS" in looked.stdout
    written = subprocess.run(
        [*held, f"{run} prices import META.csv"], env=environment, capture_output=True, text=True, check=False
    )
    assert (written.returncode, written.stderr.count("\n")) == (1, 1)
    assert "can't be written" in written.stderr


def test_plain_sqlite3_reads_a_file_that_is_read_only(made):
    (made / DATABASE_FILE).chmod(0o444)
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        " print(c.execute('select count(*) from prices').fetchall()); c.close()"
    )
    done = run_held("-c", code, made / DATABASE_FILE, cwd=made)
    assert (done.returncode, done.stdout) == (0, "[(59,)]\n"), done.stderr


def test_a_store_that_another_process_has_locked_is_named_in_one_line(made, cli, monkeypatch):
    monkeypatch.setenv("STOCKRNN_HOME", str(made))
    monkeypatch.setenv("STOCKRNN_DATABASE_WAIT_SECONDS", "0.2")
    with closing(sqlite3.connect(made / DATABASE_FILE)) as other:
        other.execute("begin immediate")
        assert cli("sql", "price_health").code == 0  # who only looks does not wait
        result = cli("prices", "import", made.parent / "META.csv")
    assert result.code == 1
    assert result.err.startswith(f"error: another process had locked {made / DATABASE_FILE} for 0.2 s, as long as")
    assert result.err.count("\n") == 1


def test_a_postgres_that_may_only_be_read_is_opened_and_a_writer_gets_one_line(postgres):
    url = f"{postgres.make()}&options=-c%20default_transaction_read_only%3Don"
    engine = open_store(Settings(database_url=SecretStr(url)))
    with reading(engine) as connection:
        assert current_revision(connection) == head_revision()

    def write():
        with writing(engine) as connection:
            connection.execute(text("delete from runs"))

    with pytest.raises(StoreError, match="cannot execute DELETE in a read-only transaction; see"):
        write()
    engine.dispose()
