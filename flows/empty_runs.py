"""Hourly runs that found nothing to do: they don't pile up in the UI."""

import logging

from prefect import get_client, runtime
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
)

LOG = logging.getLogger("stockrnn")

EMPTY = "Skipped"
"""The state's name of a run that found nothing to do."""
_MAX_REMOVED = 200


def remove_empty_runs() -> None:
    """Delete the earlier empty runs of this run's deployment; whatever goes wrong, the next one tries again."""
    deployment = runtime.deployment.id
    if not deployment:
        return
    try:
        with get_client(sync_client=True) as client:
            empty = client.read_flow_runs(
                deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
                flow_run_filter=FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[EMPTY]))),
                limit=_MAX_REMOVED,
            )
            for run in empty:
                client.delete_flow_run(run.id)
    except Exception as error:  # noqa: BLE001  # tidying is no reason to fail
        LOG.info("earlier empty runs could not be removed: %s", error)
