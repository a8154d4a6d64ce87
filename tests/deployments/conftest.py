"""A folder that is deployed on the Prefect server of the test run, and real workers, each a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import prefect_server
import pytest
import services
import yaml
from prefect_api import ask, look
from tiny_model import FOLDERS, TINY_TOML

ROOT = Path(__file__).parents[2]
LINKED = ("flows", "stockrnn", "sql", "deployments")


@dataclass
class Server:
    """A Prefect server and the folder that its workers run in: a checkout with settings of its own."""

    url: str
    login: str
    database: Path
    log: Path
    folder: Path
    environment: dict[str, str]

    @property
    def home(self) -> Path:
        """The data folder of runs that say nothing else."""
        return self.folder / "home"

    def prefect(self, *words: object, check: bool = True) -> str:
        """Run a command of Prefect in the folder; returns what it printed."""
        command = [sys.executable, "-m", "prefect", "--no-prompt", *map(str, words)]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def deploy(self) -> None:
        """Run the command of docker/compose.yaml."""
        service = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]["deploy"]
        subprocess.run(service["command"], cwd=self.folder, env=self.environment, check=True)

    def start_worker(self, queue: str, **variables: str) -> subprocess.Popen:
        """Start a worker, which takes the runs of a work queue; its output goes to a file in the folder."""
        words = ["worker", "start", "--pool", "stockrnn", "--type", "process", "--work-queue", queue]
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "prefect", *words],
                cwd=self.folder,
                env=self.environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_night(self, parameters: dict, *, queue: str = "default", home: Path | None = None, **options) -> str:
        """Start the nightly deployment by hand, as the form in the UI does; returns the run's id."""
        nightly = look(self)["nightly/nightly"]
        if nightly["work_pool_name"]:  # else a process serves it
            options["work_queue_name"] = queue
        if home:
            options["job_variables"] = {"env": {"STOCKRNN_HOME": str(home)}}
        return ask(self, f"deployments/{nightly['id']}/create_flow_run", parameters=parameters, **options)["id"]


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Server:
    """The server of the run; the folder holds links to the flows and the deployments, as a checkout would."""
    told, folder = services.share("prefect_server"), tmp_path_factory.mktemp("deployed")
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    (folder / "stockrnn.toml").write_text(TINY_TOML)
    environment = (
        prefect_server.clean_environment()
        | prefect_server.QUIET
        | {
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": told["url"],
            "PREFECT_API_AUTH_STRING": told["login"],
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "SIGN_SECONDS": "1",
            "STOCKRNN_TASK_RUNNER": "single",  # a process less to start for each of these small nights
            "PYTHONPATH": os.pathsep.join(map(str, (*FOLDERS, *filter(None, [os.environ.get("PYTHONPATH")])))),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
    )
    return Server(told["url"], told["login"], Path(told["database"]), Path(told["log"]), folder, environment)


@pytest.fixture(scope="session")
def deployed(server) -> Server:
    """Deploy with the command of docker/compose.yaml, which is the README's."""
    server.deploy()
    return server


@pytest.fixture
def start_worker(server) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start workers, each for a queue of its own; they end with the test."""
    started = []

    def start(queue: str, **variables: str) -> subprocess.Popen:
        worker = server.start_worker(queue, **variables)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        prefect_server.stop(worker)


@pytest.fixture(scope="session")
def working(deployed) -> Iterator[Server]:
    """A server with a worker for all tests whose runs say for themselves where their store is."""
    worker = deployed.start_worker("default", STOCKRNN_HOME=str(deployed.home))
    yield deployed
    prefect_server.stop(worker)


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory, request) -> Path:
    """The folder of --screenshots, else one of pytest's own."""
    folder = request.config.getoption("--screenshots") or tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def browser(server, screenshots):
    """A browser that is logged in."""
    import browser

    with browser.start_chrome() as driver:
        page = browser.Browser(driver, server, screenshots)
        page.log_in()
        yield page
