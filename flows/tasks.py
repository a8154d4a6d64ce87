"""Steps as Prefect tasks, with names and retries. Nothing is cached: what is done already, the database knows."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from stockrnn.errors import StoreUnreachableError

T = TypeVar("T")


def run_as_task(name: str, label: str, work: Callable[[], T], /) -> T:
    """Run a step as a task called `name`, and `label` in the UI, such as `META: tutorial, forecast`."""
    return cast("T", _make_task(name)(label, work))


@cache
def _make_task(name: str) -> Task[..., Any]:
    @task(
        name=name,
        task_run_name="{label}",
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=2,
        retry_delay_seconds=[1, 10],
        retry_condition_fn=_is_worth_it,
    )
    def step(label: str, work: Callable[[], object]) -> object:  # noqa: ARG001  # the run's name
        return work()

    return step


def _is_worth_it(_task: object, _run: object, state: State[object]) -> bool:
    """Whether a step may do better at once: where the database went away in the middle; it is waited for."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, StoreUnreachableError) and error.lost
