"""The image and the compose file, as far as they can be checked without an engine.

The commands of the one-shot run in `tests/deployments`, where they are what deploys.
"""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from stockrnn.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
COMPOSE_TEXT = (ROOT / "docker/compose.yaml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
EXAMPLE = (ROOT / "docker/.env.example").read_text()
ONE_SHOT = "deploy"


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_service_is_watched_restarted_and_logs_within_bounds(name):
    service = COMPOSE["services"][name]
    assert service["restart"] == ("on-failure" if name == ONE_SHOT else "unless-stopped")
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    own = "worker" if name == "worker" else None  # the image's own check
    assert own or service["healthcheck"].get("test") or name == ONE_SHOT


def test_everything_waits_for_what_it_needs():
    needs = {name: service.get("depends_on", {}) for name, service in COMPOSE["services"].items()}
    assert needs == {
        "database": {},
        "server": {"database": {"condition": "service_healthy"}},
        "deploy": {"server": {"condition": "service_healthy"}},
        "worker": {
            "database": {"condition": "service_healthy"},
            "deploy": {"condition": "service_completed_successfully"},
        },
    }


def test_no_password_is_written_down_and_none_has_a_default():
    assert re.findall(r"\$\{POSTGRES_PASSWORD(?!:\?)", COMPOSE_TEXT) == []
    assert re.search(r"^POSTGRES_PASSWORD=$", EXAMPLE, re.MULTILINE)
    holders = {name for name, one in COMPOSE["services"].items() if "POSTGRES_PASSWORD" in str(one["environment"])}
    assert holders == {"database", "server", "worker"}
    for service in COMPOSE["services"].values():
        for name, value in service["environment"].items():
            if name.endswith("_URL") and "@" in value:
                assert make_url(value).password is None  # it comes in PGPASSWORD, which needs no encoding


def test_every_variable_is_explained_in_the_example():
    used = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    explained = set(re.findall(r"^# .+\n(\w+)=", EXAMPLE, re.MULTILINE))
    assert used == explained


def test_ports_are_open_to_this_machine_alone():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_settings_of_the_worker_exist():
    given = COMPOSE["services"]["worker"]["environment"]
    names = {name.removeprefix("STOCKRNN_").lower() for name in given if name.startswith("STOCKRNN_")}
    assert names <= set(Settings.model_fields)


def test_the_image_copies_what_is_there_and_nothing_that_is_left_out():
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    ]
    let_in = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert set(copied) == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_has_a_python_that_the_project_allows_and_runs_as_nobody_special():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (version,) = re.findall(r"^ARG PYTHON_IMAGE=python:([\d.]+)-slim$", DOCKERFILE, re.MULTILINE)
    assert SpecifierSet(project["requires-python"]).contains(version)
    final = DOCKERFILE.split("FROM ")[-1]
    assert re.search(r"^USER stockrnn$", final, re.MULTILINE)
    extras = set(re.findall(r"--extra (\w+)", DOCKERFILE))
    assert extras == set(project["optional-dependencies"]) - {"dev"}
    assert "HEALTHCHECK" in final
    assert "http" not in re.sub(r"http://127\.0\.0\.1", "", DOCKERFILE)  # no index, no address


def test_the_databases_are_made(postgres):
    engine = create_engine(postgres.make(empty=True), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text((ROOT / "docker/databases.sql").read_text()))
        names = connection.execute(text("select datname from pg_database")).scalars().all()
    assert "prefect" in names
