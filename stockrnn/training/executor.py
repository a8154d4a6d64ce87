"""Where trainings run: what all executors have in common, and the one that the settings ask for."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Protocol

from stockrnn.errors import SettingsError
from stockrnn.progress import OnEpoch
from stockrnn.settings import Settings
from stockrnn.training.requests import Fitted, TrainingRequest


class Future(Protocol):
    """A training under way."""

    def result(self) -> Fitted:
        """Wait for it; return what `fit_request` returns, or raise what it raises."""

    def add_done_callback(self, callback: Callable[[Any], object], /) -> None:
        """Call back, in any thread, when it has ended, well or not."""


class Executor(Protocol):
    """Turns requests into fitted models; knows no database.

    Attributes
    ----------
    processes
        How many trainings run at a time.
    """

    processes: int

    def submit(self, request: TrainingRequest, *, on_epoch: OnEpoch | None = None) -> Future:
        """Begin a training as soon as there is room; `on_epoch` is told only where one runs at a time."""

    def close(self) -> None:
        """End whatever still runs, at once, and leave no process behind."""


def make_executor(settings: Settings) -> Executor:
    """Return the executor of `task_runner`; nothing is started before the first training.

    Raises
    ------
    SettingsError
        Dask is asked for and not installed.
    """
    processes = settings.processes or os.cpu_count() or 1
    if settings.task_runner == "dask":
        if find_spec("distributed") is None:
            raise SettingsError('task_runner = "dask" needs the extra: pip install "stockrnn[dask]"')
        from stockrnn.training.dask import DaskExecutor

        return DaskExecutor(processes=processes, scheduler=settings.dask_scheduler)
    from stockrnn.training.processes import ProcessExecutor

    return ProcessExecutor(processes=1 if settings.task_runner == "single" else processes)
