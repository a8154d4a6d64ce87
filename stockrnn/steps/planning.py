"""Begin what steps will train before their turn comes, so that several trainings can run at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from stockrnn.steps.run import Job
from stockrnn.training.requests import TrainingRequest
from stockrnn.training.trainer import Trainer

Plan: TypeAlias = Callable[[Job], TrainingRequest | None]
"""Returns what a step will train, None where nothing; it only reads."""


class PlannedTrainings:
    """Trainings that have begun, until the steps that planned them take them."""

    def __init__(self, requests: dict[tuple[str, str, str], TrainingRequest]) -> None:
        self._requests = requests

    def take(self, job: Job, step: str) -> TrainingRequest | None:
        """Return what a job's step planned, once; None where it did not."""
        return self._requests.pop((job.ticker, job.spec_name, step), None)


def begin_trainings(jobs: Sequence[Job], plans: Mapping[str, Plan], trainer: Trainer) -> PlannedTrainings:
    """Ask every job's steps what they will train, and begin it.

    A model that all tickers share is asked for at the first of them that is fit, and of its steps only the first that
    trains: a later one may use what an earlier one trained. A step that can't say what it will train is left alone:
    it will say why when its turn comes.

    Parameters
    ----------
    plans
        Step to plan, in the order of the steps.
    """
    requests: dict[tuple[str, str, str], TrainingRequest] = {}
    shared: set[str] = set()
    for job in jobs:
        if job.spec_name in shared:
            continue
        planned = _plan_job(job, plans)
        if planned is not None:
            requests |= {(job.ticker, job.spec_name, step): request for step, request in planned.items()}
            if job.spec.scope == "market":
                shared.add(job.spec_name)
    trainer.begin(*requests.values())
    return PlannedTrainings(requests)


def _plan_job(job: Job, plans: Mapping[str, Plan]) -> dict[str, TrainingRequest] | None:
    """Return what a job's steps will train; None where the first of them can't say."""
    planned: dict[str, TrainingRequest] = {}
    for step, plan in plans.items():
        try:
            request = plan(job)
        except Exception:  # noqa: BLE001  # said by the step itself, to whom it belongs
            return planned or None
        if request is not None:
            planned[step] = request
            if job.spec.scope == "market":
                break
    return planned
