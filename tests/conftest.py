"""What all tests share: a clean environment, a Prefect server, a Postgres. No test needs a network or the time."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import prefect_server
import pytest
import services
from inline import InlineExecutor
from postgres_server import Postgres
from xdist.scheduler import LoadFileScheduling

from stockrnn.settings import Settings
from stockrnn.training import trainer

# the same examples each time, so that a change is not judged by luck; with --all-nights new ones are drawn
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("drawn", deadline=None)

_WITHOUT_SERVER = "tests/deployments/test_fortnight.py"
"""It reads the shipped schedule, and needs no server."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what takes minutes and is not needed every time."""
    parser.addoption("--all-nights", action="store_true", help="all nights of the tests that take minutes")
    parser.addoption("--rounds", type=int, metavar="N", help="how many rounds of nights at once; 50 take minutes")
    parser.addoption("--kills", type=int, metavar="N", help="kills of each test of killed nights; default: a sample")
    parser.addoption("--screenshots", type=Path, metavar="FOLDER", help="where the browser's test keeps its pictures")


def pytest_configure(config: pytest.Config) -> None:
    """Choose where the examples of property tests come from; begin the run, in its first process."""
    hypothesis.settings.load_profile("drawn" if config.getoption("--all-nights") else "same")
    if not hasattr(config, "workerinput"):
        services.begin_run()
    prefect_server.forget_developer(services.run_folder())


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the run has begun."""
    if not hasattr(config, "workerinput"):
        services.end_run()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: several processes then end at about the same time."""
    slow = Counter(_unit(item.nodeid) for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[_unit(item.nodeid)])  # within a file the order stays


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: the tests wait for servers and child processes half of their time."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each process whole files, in the order of `pytest_collection_modifyitems`."""
    config.option.loadscopereorder = False
    return _ByUnit(config, log)


class _ByUnit(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _unit(nodeid)


def _unit(nodeid):
    """What one process has to run: a file, but all of the deployments, which are changed on one server."""
    file = nodeid.partition("::")[0]
    return "deployments" if file.startswith("tests/deployments/") and file != _WITHOUT_SERVER else file


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real price files, where a developer has them beside the checkout; the project works without them."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real price files beside this checkout")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """The Postgres server of this run, where a test makes databases of its own."""
    return Postgres(services.share("postgres_server")["url"])


@pytest.fixture(scope="module")
def prefect_api() -> Iterator[None]:
    """Let what runs in this process go to the Prefect server of this run."""
    with prefect_server.used(services.share("prefect_server")):
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run every test in a folder of its own, without the developer's settings."""
    for name in [name for name in os.environ if name.startswith("STOCKRNN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _train_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in this process, which has imported Keras once; tests of child processes ask for `real_executors`."""
    if "real_executors" not in request.fixturenames:
        monkeypatch.setattr(trainer, "make_executor", lambda _settings: InlineExecutor())


@pytest.fixture
def real_executors() -> None:
    """Let trainings run where the settings say."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose data folder is the test's own."""
    return Settings(home=tmp_path / "home")
