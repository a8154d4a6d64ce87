"""The image and the compose file, as far as they can be checked without an engine.

The commands of the one-shot run in `tests/deployments`, where they are what deploys.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from postgres_server import run_client
from sqlalchemy import make_url

from stockrnn.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
COMPOSE_TEXT = (ROOT / "docker/compose.yaml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
EXAMPLE = (ROOT / "docker/.env.example").read_text()
README = (ROOT / "docker/README.md").read_text()
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


def test_no_secret_is_written_down_and_each_service_gets_its_own_as_files():
    given = {name: set(one["secrets"]) for name, one in COMPOSE["services"].items()}
    assert given == {
        "database": {"postgres_password", "store_password", "prefect_password"},
        "server": {"prefect_password", "prefect_login"},
        "deploy": {"prefect_login"},
        "worker": {"store_password", "prefect_login", "tiingo_api_key"},
    }
    assert COMPOSE["secrets"] == {name: {"file": f"./secrets/{name}"} for name in set().union(*given.values())}
    assert "docker/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    for service, one in COMPOSE["services"].items():
        for name, value in one["environment"].items():
            assert not re.search("PASSWORD|AUTH_STRING|API_KEY", name) or name.endswith("_FILE")
            assert not name.endswith("_FILE") or Path(value).name in given[service]
            if name.endswith("_URL") and "@" in value:
                assert make_url(value).password is None  # it comes in PGPASSWORD, which needs no encoding


def test_a_secret_in_a_file_reaches_the_command_and_one_that_is_missing_ends_it(tmp_path):
    (tmp_path / "secret").write_text("s3cret: with $signs\n")
    run = ["sh", ROOT / "docker/with-secrets", sys.executable, "-c", "import os; print(os.environ['PGPASSWORD'])"]
    for path, expected in ((tmp_path / "secret", (0, "s3cret: with $signs\n")), (tmp_path / "none", (1, ""))):
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD_FILE": str(path)}
        done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == expected


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_service_may_do_no_more_than_it_needs_and_leaves_no_volume_behind(name):
    service = COMPOSE["services"][name]
    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (
        True, ["ALL"], ["no-new-privileges:true"]
    )  # fmt: skip
    assert service["pids_limit"] == 512
    assert service["mem_limit"] in {"1g", "4g"}
    assert ("cap_add" in service) == (name == "database")
    # a folder of the image that is declared a volume and mounted by nobody becomes a new volume with each `up`
    assert "VOLUME" not in DOCKERFILE
    places = [place.partition(":")[0] for place in service["tmpfs"]]
    mounted = [one["target"] if isinstance(one, dict) else one.split(":")[1] for one in service.get("volumes", [])]
    assert "/tmp" in places  # noqa: S108
    assert ("/data" in [*places, *mounted]) == (name != "database")


def test_what_is_built_here_is_never_asked_of_a_registry():
    assert {name: one["pull_policy"] for name, one in COMPOSE["services"].items()} == {
        "database": "missing", "server": "never", "deploy": "never", "worker": "never"
    }  # fmt: skip


def test_the_database_counts_as_well_when_it_answers_over_the_network_and_the_server_when_its_page_is_there():
    check = COMPOSE["services"]["database"]["healthcheck"]["test"]
    assert check[check.index("--host") + 1] == "127.0.0.1"  # while it is set up it answers on its socket alone
    code = COMPOSE["services"]["server"]["healthcheck"]["test"][-1]
    assert '("api/health", "")' in code


def test_the_settings_that_are_prepared_are_settings():
    shown = tomllib.loads((ROOT / "docker/stockrnn.example.toml").read_text())
    assert Settings(**shown).tickers == ("META",)
    (mount,) = [one for one in COMPOSE["services"]["worker"]["volumes"] if isinstance(one, dict)]
    assert (mount["target"], mount["read_only"]) == ("/app/stockrnn.toml", True)
    assert mount["bind"] == {"create_host_path": False}  # else Docker makes a folder of that name


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


def test_tensorflow_without_gpus_is_of_the_version_of_the_lock():
    version = r"==([\d.]+)"
    (cpu,) = re.findall(f"^tensorflow-cpu{version}", (ROOT / "docker/tensorflow-cpu.txt").read_text(), re.MULTILINE)
    (locked,) = re.findall(f"^tensorflow{version}", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert cpu == locked, "run 'make lock'"
    assert "--hash=sha256:" in (ROOT / "docker/tensorflow-cpu.txt").read_text()


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


def test_the_init_script_makes_two_databases_and_their_owners(postgres, tmp_path):
    for name in ("store_password", "prefect_password"):
        (tmp_path / name).write_text('it\'s "quoted"')
    script = tmp_path / "databases.sql"
    script.write_text((ROOT / "docker/databases.sql").read_text().replace("/run/secrets", str(tmp_path)))
    url = make_url(postgres.make(empty=True))
    run_client("psql", "--quiet", "--file", str(script), url=url)
    query = "select datname, pg_get_userbyid(datdba), has_database_privilege('prefect', datname, 'connect') {}"
    query = query.format("from pg_database where datname in ('stockrnn', 'prefect') order by datname")
    found = run_client("psql", "--tuples-only", "--no-align", "--command", query, url=url)
    assert found.decode().splitlines() == ["prefect|prefect|t", "stockrnn|stockrnn|f"]


def test_the_commands_of_the_readme_are_for_services_and_folders_that_are_there():
    lines = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
    assert lines[:2] == ["sh docker/prepare.sh", "docker compose --file docker/compose.yaml up --detach --build"]
    composed = [
        line.removeprefix("docker compose --file docker/compose.yaml ") for line in lines if "compose" in line
    ]
    for words in map(str.split, composed):
        named = [word.partition(":")[0] for word in words if word.partition(":")[0] in COMPOSE["services"]]
        assert named or words[0] in {"up", "ps", "down"}
        assert words[0] != "exec" or named[0] == "database" or words[words.index("worker") + 1] == "with-secrets"
    assert lines.count("docker volume rm stockrnn_database") == 1
    assert COMPOSE["name"] == "stockrnn"
    assert "database" in COMPOSE["volumes"]
