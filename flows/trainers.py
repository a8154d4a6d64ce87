"""Where trainings run: one after the other in a process of its own, in several processes, or on a Dask cluster.

Never in threads: Keras' random numbers are one state a process. Wherever a model is trained, it is the same.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import SyncClientContext
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner

from stockrnn.errors import SettingsError
from stockrnn.models.forecaster import Fitted
from stockrnn.models.spec import QuantileSpec
from stockrnn.progress import current_progress
from stockrnn.settings import Settings
from stockrnn.steps.backtest import backtest_holdout, last_whole_month
from stockrnn.steps.job import Job, require_fresh
from stockrnn.steps.retrain import retrain_if_due
from stockrnn.training.ahead import AheadTrainer, Future, Training
from stockrnn.training.apart import PatientTrainer, process_trainer
from stockrnn.training.train import Trainer
from stockrnn.types import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is going to be done for each job, for the sake of what it will train."""

    name: str
    run: Callable[[Job, Trainer], None]


@task(name="train", task_run_name="{name}: train", cache_policy=NO_CACHE, persist_result=False)
def train(name: str, run: Callable[[], Fitted]) -> Fitted:  # noqa: ARG001  # the run's name
    """Train one model, or one member of an ensemble."""
    return run()


@contextmanager
def open_trainer(settings: Settings, jobs: Iterable[Job], steps: Sequence[Step]) -> Iterator[Trainer]:
    """Give a trainer to run `steps` with, for each of the jobs.

    Unless `task_runner` is "single", all that they will train is begun at once, as far as there is room.

    Parameters
    ----------
    steps
        They write nothing before they call their trainer.

    Raises
    ------
    SettingsError
        Dask is asked for and not installed, or no scheduler answers.
    """
    here = PatientTrainer(process_trainer())
    runner = _make_runner(settings)
    if runner is None:
        yield here
        return
    with runner:
        ahead = AheadTrainer(lambda name, training: _submit(runner, name, training), here)
        with _reaching_api():
            _foresee(ahead, jobs, steps)
        if ahead.begun:
            where = "a Dask cluster" if settings.task_runner == "dask" else "several processes"
            ahead.on_done = current_progress().waiting(f"networks to train in {where}", total=ahead.begun)
        yield ahead


def retraining(*, force: bool = False, only_fresh: bool = False) -> Step:
    """Return the step that trains a job's model where it is due; `only_fresh`: not where a bar has not come yet."""

    def run(job: Job, trainer: Trainer) -> None:
        if only_fresh:
            require_fresh(job)
        retrain_if_due(job, force=force, trainer=trainer)

    return Step(name="retrain", run=run)


def backtesting(month: Span | None = None) -> Step:
    """Return the step that backtests a month, the last whole one if none is named."""

    def run(job: Job, trainer: Trainer) -> None:
        backtest_holdout(job, month or last_whole_month(job), in_use=month is None, trainer=trainer)

    return Step(name="backtest", run=run)


def _foresee(ahead: AheadTrainer, jobs: Iterable[Job], steps: Sequence[Step]) -> None:
    """Begin what each job will train.

    What all tickers share is asked for at the first of them that is fit, and once: a later step may use what an
    earlier one trains.
    """
    shared: set[str] = set()
    for job in jobs:
        if not isinstance(job.spec, QuantileSpec):
            for step in steps:
                ahead.foresee(_name(job, step), partial(step.run, job))
        elif job.spec_name not in shared:
            found = (ahead.foresee(_name(job, step), partial(step.run, job)) for step in steps)
            first = next((one for one in found if one != "nothing"), "nothing")
            if first != "failure":
                shared.add(job.spec_name)


def _name(job: Job, step: Step) -> str:
    who = "all tickers" if isinstance(job.spec, QuantileSpec) else job.ticker
    return f"{who}: {job.spec_name}, {step.name}"


@contextmanager
def _reaching_api() -> Iterator[None]:
    """Let other processes report to the API that this one has started for itself, rather than start their own."""
    client = SyncClientContext.get()
    if PREFECT_API_URL.value() or client is None:
        yield
    else:
        with temporary_settings({PREFECT_API_URL: str(client.client.api_url)}):
            yield


def _submit(runner: TaskRunner[Any], name: str, training: Training) -> Future:
    # as a method: engines look into tuples, lists and dataclasses that they are given, and not into a function
    part = "" if training.member is None else f", network {training.member + 1}"
    return cast("Future", runner.submit(train, {"name": name + part, "run": training.run}))


def _make_runner(settings: Settings) -> TaskRunner[Any] | None:
    processes = settings.processes or os.cpu_count() or 1
    if settings.task_runner == "single" or (settings.task_runner == "processes" and processes == 1):
        return None
    if settings.task_runner == "processes":
        return ProcessPoolTaskRunner(max_workers=processes)
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise SettingsError('task_runner = "dask" needs the extra: pip install "stockrnn[dask]"') from None
    if settings.dask_scheduler:
        return DaskTaskRunner(address=settings.dask_scheduler)
    return DaskTaskRunner(cluster_kwargs={"n_workers": processes, "threads_per_worker": 1, "dashboard_address": None})
