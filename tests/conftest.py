"""Fixtures that several tests share. Nothing here needs a network or the present time."""

import os
from collections import Counter
from pathlib import Path

import hypothesis
import pytest

from stockrnn.settings import Settings

# the same examples each time, so that a change is not judged by luck; with --all-nights new ones are drawn
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("drawn", deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what takes minutes and is not needed every time."""
    parser.addoption("--all-nights", action="store_true", help="all nights of the tests that take minutes")
    parser.addoption("--screenshots", type=Path, metavar="FOLDER", help="where the browser's test keeps its pictures")


def pytest_configure(config: pytest.Config) -> None:
    """Choose where the examples of property tests come from."""
    hypothesis.settings.load_profile("drawn" if config.getoption("--all-nights") else "same")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: several processes then end at about the same time."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])  # within a file the order stays


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real price files, where a developer has them beside the checkout; the project works without them."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real price files beside this checkout")
    return folder


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run every test in a folder of its own, without the developer's settings."""
    for name in [name for name in os.environ if name.startswith("STOCKRNN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STOCKRNN_TASK_RUNNER", "single")  # its one process serves all tests of a file
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose data folder is the test's own."""
    return Settings(home=tmp_path / "home")
