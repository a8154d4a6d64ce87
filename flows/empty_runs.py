"""Hourly runs that found nothing to do: they don't pile up in the UI."""

import logging
from contextlib import suppress
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound

LOG = logging.getLogger("stockrnn")

EMPTY = "Skipped"
"""The state's name of a run that found nothing to do."""
_MAX_REMOVED = 200
_ANSWER_SECONDS = 10.0


def remove_empty_runs() -> None:
    """Delete the earlier empty runs of this run's deployment; where the API fails, the next one tries again."""
    run = FlowRunContext.get()
    deployment = run.flow_run.deployment_id if run and run.flow_run else None
    if deployment is None:
        return
    try:
        _remove_empty_runs_of(deployment)
    except httpx.HTTPError as error:  # tidying is no reason to fail
        LOG.info("earlier empty runs could not be removed: %s", (str(error) or repr(error)).splitlines()[0])


def _remove_empty_runs_of(deployment: UUID) -> None:
    # a client of its own: the run's has been connected, and would try for a minute to reach a server that is gone
    with get_client(sync_client=True, httpx_settings={"timeout": _ANSWER_SECONDS}) as client:
        delete_runs(client, empty_runs(client, deployment))


def empty_runs(client: SyncPrefectClient, deployment: UUID) -> list[UUID]:
    """Return the ids of the deployment's empty runs, at most 200."""
    found = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[EMPTY]))),
        limit=_MAX_REMOVED,
    )
    return [run.id for run in found]


def delete_runs(client: SyncPrefectClient, runs: list[UUID]) -> None:
    """Delete these runs, but for those that somebody else has deleted meanwhile."""
    for run in runs:
        with suppress(ObjectNotFound):
            client.delete_flow_run(run)
