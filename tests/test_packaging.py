"""The project as others get it: the wheel, the lock file, the top level, and nothing of this machine."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import stockrnn

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "flows", "stockrnn", "sql", "tests", "deployments", "docker", "pyproject.toml", "README.md",
    "Makefile", "requirements.lock", "LICENSE", "CHANGELOG.md",
}  # fmt: skip


def _tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built and unpacked as pip does it, in a folder that holds nothing else."""
    dist, site = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(dist)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def _run_installed(site, folder, *words):
    code = f"import sys; sys.path.insert(0, {str(site)!r}); from stockrnn.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.exhaustive
def test_an_installed_stockrnn_works_from_any_folder(installed, tmp_path):
    done = _run_installed(installed, tmp_path, "prices", "update", "--source", "simulated", "--ticker", "SIM-WALK")
    assert done.returncode == 0, done.stderr
    listed = _run_installed(installed, tmp_path, "sql", "price_health", "--format", "csv")
    assert "SIM-WALK,XNYS,1,2010-01-04" in listed.stdout
    assert (tmp_path / "stockrnn-data" / "stockrnn.db").exists()


def test_migrations_views_and_queries_travel_in_the_wheel(installed):
    packed, here = (
        # what Python compiled since is not from the wheel
        {path.relative_to(folder).as_posix() for path in (folder / "sql").rglob("*.*") if path.suffix != ".pyc"}
        for folder in (installed / "stockrnn", ROOT)
    )
    assert packed == here
    assert (installed / "flows" / "nightly.py").exists()
    packed, here = (folder / "deployments" / "prefect.yaml" for folder in (installed / "stockrnn", ROOT))
    assert packed.read_bytes() == here.read_bytes()


def test_the_wheel_says_that_its_types_can_be_checked(installed):
    assert (installed / "stockrnn" / "py.typed").is_file()


def test_the_wheel_has_the_command(installed):
    (entry_points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "stockrnn = stockrnn.cli:main" in entry_points.read_text()


def test_the_lock_has_hashes_and_no_address():
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links", lock)
    for block in re.split(r"\n(?=[a-z0-9])", lock[lock.index("\nabsl") + 1 :]):
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_the_lock_holds_every_dependency_and_is_what_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    locked = dict(re.findall(r"^([a-z0-9._-]+)==([^ \\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    for requirement in wanted:
        name = re.match(r"[a-z0-9-]+", requirement).group()
        assert name in locked, f"{name}: run 'make lock'"
    assert version("prefect") == locked["prefect"]
    assert version("tensorflow") == locked["tensorflow"]


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE).group(1)
    assert project["version"] == stockrnn.__version__ == newest


def test_what_runs_before_a_commit_is_what_make_check_runs_and_comes_from_no_address():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    commands = [hook["entry"] for hook in repository["hooks"]]
    assert commands == [
        ".venv/bin/ruff check", ".venv/bin/ruff format --check", ".venv/bin/sqlfluff lint", ".venv/bin/lint-imports",
    ]  # fmt: skip
    check = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)
    for command in commands:
        assert command.replace(".venv/bin", "\t$(BIN)") in check


def test_the_hosted_ci_runs_the_two_commands_of_the_readme_with_least_rights_and_actions_pinned_by_commit():
    (path,) = (ROOT / ".github" / "workflows").iterdir()
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow[True]) == {"push", "pull_request", "workflow_dispatch"}  # YAML reads "on" as true
    (job,) = workflow["jobs"].values()
    assert "permissions" not in job
    assert job["timeout-minutes"] == 60
    systems, pythons = job["strategy"]["matrix"]["os"], job["strategy"]["matrix"]["python"]
    assert {name.partition("-")[0] for name in systems} == {"ubuntu", "macos"}
    assert pythons == ["3.11", "3.13"]
    readme = re.search(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL).group(1).splitlines()
    assert [step["run"] for step in job["steps"] if "run" in step] == readme == ["make demo", "make test"]
    used = re.findall(r"uses: (\S+)@(\S+) # (\S+)$", path.read_text(), re.MULTILINE)
    assert [name for name, *_ in used] == ["actions/checkout", "actions/setup-python"]
    assert all(re.fullmatch("[0-9a-f]{40}", commit) and re.fullmatch(r"v[\d.]+", tag) for _, commit, tag in used)
    assert len(used) == path.read_text().count("uses:")
    assert job["steps"][0]["with"] == {"persist-credentials": False}
    assert "secrets" not in path.read_text()


def test_contributing_names_make_targets_and_files_that_exist():
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
    assert len(text.splitlines()) < 120
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for words in re.findall(r"`make ([a-z -]+)`", text) for target in words.split()}
    assert {"check", "test", "test-all"} <= named <= targets
    paths = re.findall(r"`((?:stockrnn|sql|tests|\.ci)/[\w./-]+)`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == ["sql/migrations/versions/0002_what_it_adds.py"]


def test_the_top_level_holds_what_was_agreed_and_nothing_else():
    assert {name for name in (path.split("/")[0] for path in _tracked()) if not name.startswith(".")} <= ALLOWED


def test_no_address_of_a_registry_and_no_path_of_a_machine_is_tracked():
    here = "|".join(re.escape(f"{folder}/") for folder in (ROOT, ROOT.parent, Path.home()) if folder != Path("/"))
    pattern = re.compile(rf"{here}|pypi\.org|pythonhosted|-index-url +\S*:/")
    for name in _tracked():
        if name.endswith(".png") or name == "tests/test_packaging.py":
            continue
        assert not pattern.search((ROOT / name).read_text()), name


def test_the_readme_is_under_200_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) < 200
