"""Serve the deployments of `deployments/prefect.yaml` from one process, for people who want no worker."""

import asyncio
import importlib
from typing import Any, cast

import yaml
from prefect import Flow, serve
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import PrefectHTTPStatusError
from prefect.types.entrypoint import EntrypointType

from flows.automations import create_missing, deployments_folder
from stockrnn.errors import UsageError


def serve_all() -> None:
    """Register every deployment and run what is due, until the process is stopped; schedules then pause.

    Raises
    ------
    UsageError
        The Prefect server does not answer, or wants another login.
    """
    asyncio.run(_require_server())
    asyncio.run(create_missing())
    serve(*make_deployments())


async def _require_server() -> None:
    async with get_client() as client:
        if await client.api_healthcheck():
            raise UsageError(f"no Prefect server answers at {client.api_url}; start one with 'stockrnn server'")
        try:
            await client.read_automations()
        except PrefectHTTPStatusError as error:
            raise UsageError(
                f"the Prefect server at {client.api_url} refuses ({error.response.status_code}); set "
                "PREFECT_API_AUTH_STRING to its login"
            ) from None


def make_deployments() -> list[RunnerDeployment]:
    """Return the deployments of the file, each to be run by the process that serves it."""
    document = yaml.safe_load((deployments_folder() / "prefect.yaml").read_text(encoding="utf-8"))
    return [_make(described) for described in document["deployments"]]


def _make(described: dict[str, Any]) -> RunnerDeployment:
    module, _, name = described["entrypoint"].partition(".py:")
    flow: Flow[..., Any] = getattr(importlib.import_module(module.replace("/", ".")), name)
    made = flow.to_deployment(
        name=described["name"],
        schedules=[_make_schedule(schedule) for schedule in described.get("schedules", [])],
        concurrency_limit=ConcurrencyLimitConfig(**described["concurrency_limit"]),
        parameters=described["parameters"],
        description=described["description"],
        tags=described["tags"],
        version=described["version"],
        entrypoint_type=EntrypointType.MODULE_PATH,  # found from any folder
    )
    return cast("RunnerDeployment", made)  # a coroutine only inside a running loop


def _make_schedule(described: dict[str, Any]) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(
        schedule=CronSchedule(cron=described["cron"], timezone=described["timezone"]),
        parameters=described.get("parameters", {}),
        slug=described["slug"],
    )
