"""docker/compose.yaml on this machine: its Postgres, server, deployment and worker, each line of it as it stands."""

import shutil
import stat
import subprocess
import time
import urllib.request
from types import SimpleNamespace

import composed
import prefect_server
import pytest
from composed import COMPOSE, LINKED, ROOT, Composed
from prefect_api import NAMES, ask, look, wait_for_end
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from tiny_model import TINY_TOML

NIGHT = {"tickers": ["SIM-A"], "source": "simulated", "as_of": "2012-03-30T22:00:00+00:00"}
pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkout in which someone has prepared Docker."""
    made = tmp_path_factory.mktemp("compose")
    for name in LINKED:
        (made / name).symlink_to(ROOT / name)
    (made / "docker").mkdir()
    for name in ("prepare.sh", "stockrnn.example.toml"):
        shutil.copy(ROOT / "docker" / name, made / "docker")
    subprocess.run(["sh", made / "docker" / "prepare.sh"], check=True)
    token = made / "docker" / "secrets" / "tiingo_api_key"
    assert token.read_text() == ""  # who has an account writes it down here
    token.write_text("token-of-an-account-that-nobody-has-anywhere-in-the-world")
    (made / "stockrnn.toml").write_text(TINY_TOML)  # where the worker's is mounted
    return made


@pytest.fixture(scope="module")
def running(folder):
    """Postgres with the roles of the init script, and the server on it, healthy."""
    programs = composed.find_postgres()
    if programs is None:
        pytest.skip("no Postgres with pg_trgm, which Prefect needs; on Debian: postgresql postgresql-contrib")
    secrets = folder / "docker" / "secrets"
    with composed.run_postgres(programs, secrets / "postgres_password") as port:
        made = Composed(folder, port)
        script = folder / "databases.sql"
        script.write_text(made.translate((ROOT / "docker/databases.sql").read_text(), "database"))
        told = {"PGPASSWORD": (secrets / "postgres_password").read_text(), "PGHOST": "127.0.0.1", "PGPORT": str(port)}
        words = ["--username", "postgres", "--quiet", "--file", str(script)]
        subprocess.run([programs / "psql", *words], env=told, check=True)
        check = [made.translate(word, "database") for word in COMPOSE["services"]["database"]["healthcheck"]["test"]]
        subprocess.run([programs / check[1], *check[2:]], env=told, check=True, capture_output=True)
        began = time.monotonic()
        server = made.start("server", "--port", str(made.port))
        try:
            made.wait_until_healthy("server", server)
            print(f"the server was healthy after {time.monotonic() - began:.1f} s")
            yield made
        finally:
            prefect_server.stop(server)


@pytest.fixture(scope="module")
def asked(running, folder):
    """The server, for those who have the login."""
    login = (folder / "docker/secrets/prefect_login").read_text()
    return SimpleNamespace(url=f"http://127.0.0.1:{running.port}/api", login=login)


def connect(running, role, database):
    password = (running.folder / "docker/secrets" / f"{'store' if role == 'stockrnn' else role}_password").read_text()
    url = f"postgresql+psycopg://{role}:{password}@127.0.0.1:{running.postgres}/{database}"
    return create_engine(url, poolclass=NullPool).connect()


def test_the_deployment_is_made_and_a_worker_runs_a_night_with_roles_that_own_one_database_each(running, asked):
    began = time.monotonic()
    assert running.start("deploy").wait(timeout=120) == 0, running.read_log("deploy")
    print(f"deployed after {time.monotonic() - began:.1f} s")
    found = look(asked)
    assert set(found) == NAMES
    worker = running.start("worker")
    try:
        night = ask(asked, f"deployments/{found['nightly/nightly']['id']}/create_flow_run", parameters=NIGHT)
        running.wait_until_healthy("worker", worker)
        ended = wait_for_end(asked, night["id"])
        assert (ended["state_type"], ended["state"]["message"]) == ("COMPLETED", "1 of 1 tickers done")
        print(f"the night had ended after {time.monotonic() - began:.1f} s")
    finally:
        prefect_server.stop(worker)
    with connect(running, "stockrnn", "stockrnn") as connection:
        rows = connection.execute(text("select ticker, cast(target_session as text) from forecasts")).all()
    assert [tuple(row) for row in rows] == [("SIM-A", "2012-04-02")]
    assert f"View at http://127.0.0.1:{running.port}/runs/flow-run/{night['id']}" in running.read_log("worker")
    assert (running.folder / "data-of-worker" / "reports" / "SIM-A.png").exists()


def test_the_page_is_there(running):
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/", timeout=10) as answer:
        assert "Prefect" in answer.read().decode()
    assert any((running.folder / "data-of-server" / "prefect" / "ui").iterdir())  # not beside the package


@pytest.mark.parametrize(("role", "other"), [("stockrnn", "prefect"), ("prefect", "stockrnn")])
def test_a_role_may_do_what_it_needs_in_its_database_and_is_not_let_into_the_other(running, role, other):
    with connect(running, role, role) as connection:
        flags = (
            "select rolsuper, rolcreaterole, rolcreatedb, rolreplication from pg_roles where rolname = current_user"
        )
        assert tuple(connection.execute(text(flags)).one()) == (False, False, False, False)
        connection.execute(text("create table mine (id integer)"))  # rolled back
    with pytest.raises(OperationalError, match="permission denied for database"):
        connect(running, role, other)


def test_no_secret_stands_in_a_log_or_in_what_docker_would_show_of_a_container(running):
    secrets = {path.name: path.read_text() for path in (running.folder / "docker/secrets").iterdir()}
    assert set(secrets) == set(COMPOSE["secrets"])
    assert min(map(len, secrets.values())) >= 48
    shown = "\n".join(str(running.environment(name)) for name in COMPOSE["services"])
    shown += "\n".join(path.read_text() for path in running.folder.glob("*.log"))
    assert [name for name, secret in secrets.items() if secret in shown] == []


def test_preparing_again_changes_nothing_and_lets_nobody_else_in(folder):
    secrets, settings = folder / "docker" / "secrets", folder / "docker" / "stockrnn.toml"
    settings.write_text('tickers = ["MINE"]\n')
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    subprocess.run(["sh", folder / "docker" / "prepare.sh"], check=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    assert settings.read_text() == 'tickers = ["MINE"]\n'
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {
        0o644
    }  # a container's user is another
