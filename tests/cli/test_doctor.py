"""What a night depends on, checked: each thing that is wrong is named with what to do; and status for monitoring."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from present import present_yahoo

from stockrnn.settings import Settings
from stockrnn.steps import doctor
from stockrnn.store.migrate import open_store


@pytest.fixture
def yahoo(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with present_yahoo(monkeypatch, "SPY") as present:
        yield present


def health(out):
    return {line[9:].split(":")[0]: line.split()[0] for line in out.splitlines()}


def test_all_is_well_but_for_a_server_that_is_not_needed(cli, yahoo):
    result = cli("doctor")
    assert result.code == 0
    assert health(result.out) == {
        "database": "ok", "clock": "ok", "specs": "ok", "calendars": "ok", "disk": "ok", "files": "ok",
        "time zones": "ok", "Yahoo": "ok", "Prefect": "warning",
    }  # fmt: skip
    assert "schema 0001 of 0001" in result.out


def test_what_does_not_answer_is_a_problem_and_says_what_to_do(cli, yahoo, monkeypatch):
    yahoo.server.fail("503")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    result = cli("doctor")
    assert result.code == 1
    assert "problem  Yahoo: Yahoo can't be reached or gives no usable answer" in result.out
    assert "problem  Prefect: http://127.0.0.1:9/api does not answer" in result.out


def test_a_database_that_cannot_be_opened_is_a_problem_and_its_password_is_not_told(cli, yahoo, monkeypatch):
    monkeypatch.setenv("STOCKRNN_DATABASE_URL", "postgresql+psycopg://user:secret@127.0.0.1:9/nosuch")
    result = cli("doctor")
    assert result.code == 1
    assert health(result.out)["database"] == "problem"
    assert "secret" not in result.out + result.err


def test_clocks_that_disagree_and_a_full_disk_are_problems(yahoo, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=5e8))
    settings = Settings(home=tmp_path / "home", requests_per_second=1e6)
    wrong = datetime.now(UTC) + timedelta(hours=1)
    found = {one.name: one for one in doctor.examine(settings, now=wrong, prefect_api=None)}
    assert found["clock"].health == found["disk"].health == "problem"
    assert "set their clocks" in found["clock"].words
    assert "0.5 GB are free" in found["disk"].words


@pytest.mark.exhaustive
def test_status_for_monitoring_is_a_document_with_the_same_exit_code(cli, market):
    market.issue("2012-03-30")
    result = cli("status", "--format", "json")
    document = json.loads(result.out)
    assert result.code == 1  # no run was written down
    assert document["healthy"] is False
    assert document["problems"] == ["no run yet; 'stockrnn nightly' makes one", *document["problems"][1:]]
    (ticker,) = document["tickers"]
    assert (ticker["ticker"], ticker["last_cutoff"]) == ("SIM-FAT", "2012-03-30")
    assert document["last_run"] is None


def test_the_store_of_a_doctor_is_made_where_there_is_none(cli, yahoo):
    cli("doctor")
    assert open_store(load(), create=False) is not None


def load():
    return Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PREFECT_API_URL", "http://me:ZxQvJJ@127.0.0.1:9/api"),
        ("PREFECT_API_URL", "http://me:Zx@QvJJ/x@127.0.0.1:9/api"),
        ("PREFECT_API_URL", "http://me:ZxQvJJ"),
        ("PREFECT_API_URL", "ZxQvJJ"),
        ("PREFECT_API_AUTH_STRING", "me:ZxQvJJ"),
        ("STOCKRNN_DATABASE_URL", "postgresql+psycopg://me@127.0.0.1:9/x?password=ZxQvJJ"),
        ("STOCKRNN_DATABASE_URL", "postgresql+psycopg://me:Zx@QvJJ@127.0.0.1:9/x"),
        ("STOCKRNN_DATABASE_URL", "postgresql+psycopg://me@127.0.0.1:ZxQvJJ/x"),
        ("STOCKRNN_DASK_SCHEDULER", "tcp://me:ZxQvJJ@127.0.0.1:9"),
        ("STOCKRNN_DASK_SCHEDULER", "ZxQvJJ"),
    ],
)
def test_no_secret_of_the_environment_is_told(cli, yahoo, monkeypatch, variable, value):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv(variable, value)
    result = cli("doctor")
    assert result.code in (1, 2)
    assert "QvJJ" not in result.out + result.err
    assert "Traceback" not in result.err


def test_the_database_of_a_doctor_is_named_by_host_and_name_alone(cli, yahoo, monkeypatch, postgres):
    monkeypatch.setenv("STOCKRNN_DATABASE_URL", url := postgres.make(password="ZxQvJJ"))  # noqa: S106
    name = url.partition("/test_")[2].partition("?")[0]
    (line,) = [line for line in cli("doctor").out.splitlines() if " database: " in line]
    assert line.startswith(f"ok       database: database test_{name} on /")
    assert "ZxQvJJ" not in line
    assert "postgres:" not in line


@pytest.mark.parametrize("words", [("serve",), ("nightly", "--source", "simulated", "--ticker", "SIM-A")])
def test_a_password_in_the_address_of_prefect_is_refused_for_prefect_would_show_it(cli, monkeypatch, words):
    monkeypatch.setenv("PREFECT_API_URL", "http://me:ZxQvJJ@127.0.0.1:9/api")
    result = cli(*words)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "error: PREFECT_API_URL holds a user name or a password, which Prefect would show; leave them out and set "
        "PREFECT_API_AUTH_STRING=user:password\n"
    )


def test_a_data_folder_that_others_may_read_is_told_and_left_as_it_is(cli, yahoo):
    open_store(load()).dispose()
    home = load().home
    home.chmod(0o755)
    (home / "stockrnn.db").chmod(0o644)
    (line,) = [line for line in cli("doctor").out.splitlines() if " files: " in line]
    assert line.startswith("warning  files: others may use stockrnn-data, stockrnn-data/stockrnn.db; if they should")
    assert line.endswith("chmod go-rwx on it")
    assert (home / "stockrnn.db").stat().st_mode & 0o777 == 0o644
