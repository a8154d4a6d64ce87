"""Hourly runs that find nothing to do: of those of one deployment a real server keeps the newest, and all others."""

import logging
import uuid

import pytest
from prefect import flow, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import State, StateType
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Crashed, Failed, Running, Scheduled
from scenario import SMALL_TOML, evening

from flows.empty_runs import EMPTY, delete_runs, empty_runs, remove_empty_runs
from flows.nightly import nightly

pytestmark = [pytest.mark.exhaustive, pytest.mark.usefixtures("prefect_api")]

NOTHING_DUE = {"tickers": ["SIM-A"], "source": "simulated", "as_of": evening(2012, 4, 6), "due_only": True}
SOMETHING_DUE = NOTHING_DUE | {"as_of": evening(2012, 4, 5)}


@flow(name="removes-empty-runs")
def removing() -> State:
    """A night with nothing due, without the night."""
    remove_empty_runs()
    return Completed(name=EMPTY)


class Deployed:
    """A deployment without a worker: its runs go in this process, or get a state and never go."""

    def __init__(self, client, what):
        self.client, self.flow = client, what
        flow_id = client.create_flow(what)
        self.id = client.create_deployment(flow_id, name=f"of-a-test-{uuid.uuid4()}")

    def run(self, **parameters):
        """Run the flow as a run of this deployment; returns the run's id and the state it ended in."""
        made = self.client.create_flow_run_from_deployment(self.id, parameters=parameters)
        return made.id, run_flow(self.flow, flow_run=made, parameters=parameters, return_type="state")

    def note(self, *states):
        """Make runs that are in these states; returns their ids."""
        made = [self.client.create_flow_run_from_deployment(self.id).id for _ in states]
        for run, state in zip(made, states, strict=True):
            self.client.set_flow_run_state(run, state, force=True)
        return made

    def names(self):
        """Return the name of each run's state, by id."""
        mine = DeploymentFilter(id=DeploymentFilterId(any_=[self.id]))
        found = self.client.read_flow_runs(deployment_filter=mine)
        return {run.id: run.state_name for run in found}


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "stockrnn"]


@pytest.fixture
def deploy():
    """Deploy flows; the deployments end with the test."""
    with get_client(sync_client=True) as client:
        made = []

        def deploy(what):
            made.append(Deployed(client, what))
            return made[-1]

        yield deploy
        for one in made:
            client.delete_deployment(one.id)


def test_of_nights_with_nothing_due_only_the_newest_is_kept(deploy, tmp_path):
    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)
    hourly = deploy(nightly)
    worked, state = hourly.run(**SOMETHING_DUE)
    assert state.name == "Completed"
    for _ in range(3):
        newest, state = hourly.run(**NOTHING_DUE)
        assert state.name == EMPTY
        assert hourly.names() == {worked: "Completed", newest: EMPTY}


def test_a_run_that_worked_failed_runs_or_waits_and_one_of_another_deployment_are_never_removed(deploy):
    hourly, other = deploy(removing), deploy(removing)
    kept = hourly.note(Completed(), Failed(), Crashed(), Running(), Scheduled(), State(type=StateType.CANCELLED))
    hourly.note(*[Completed(name=EMPTY)] * 3)
    others = other.note(Completed(name=EMPTY), Completed(name=EMPTY), Running())
    newest, _ = hourly.run()
    assert set(hourly.names()) == {*kept, newest}
    assert set(other.names()) == set(others)


@pytest.fixture(params=["gone", "refuses"])
def failing(request, caplog):
    """A flow that removes empty runs while the API fails it."""
    caplog.set_level(logging.INFO, "stockrnn")
    gone, refuses = {PREFECT_API_URL: "http://127.0.0.1:9/api"}, {PREFECT_API_AUTH_STRING: "stockrnn:guess"}

    @flow(name="removes-empty-runs-in-vain")
    def failing() -> State:
        with temporary_settings(gone if request.param == "gone" else refuses):
            remove_empty_runs()
        return Completed(name=EMPTY)

    return failing


def test_an_api_that_fails_is_said_in_one_line_fails_no_run_and_the_next_one_tries_again(deploy, failing, caplog):
    hourly = deploy(failing)
    (earlier,) = hourly.note(Completed(name=EMPTY))
    newest, state = hourly.run()
    assert (state.name, state.message) == (EMPTY, None)
    assert hourly.names() == {earlier: EMPTY, newest: EMPTY}
    (line,) = said(caplog)
    assert line.startswith("earlier empty runs could not be removed: ")
    assert "\n" not in line
    hourly.flow = removing
    last, _ = hourly.run()
    assert set(hourly.names()) == {last}


def test_a_run_without_a_deployment_removes_nothing_and_asks_no_api(failing, caplog):
    state = failing(return_state=True)
    assert (state.name, state.message) == (EMPTY, None)
    assert said(caplog) == []


def test_a_run_that_somebody_else_removed_meanwhile_does_not_keep_the_others(deploy):
    hourly = deploy(removing)
    client = hourly.client
    hourly.note(*[Completed(name=EMPTY)] * 3)
    seen = empty_runs(client, hourly.id)
    assert set(seen) == set(hourly.names())
    client.delete_flow_run(seen[0])
    delete_runs(client, seen)
    assert hourly.names() == {}
