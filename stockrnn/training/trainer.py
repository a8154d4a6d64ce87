"""Train requests, each once, and say how far that is."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stockrnn.progress import OnEpoch, Progress, current_progress
from stockrnn.settings import Settings
from stockrnn.training.executor import Executor, Future, make_executor
from stockrnn.training.requests import Fitted, TrainingRequest, join_parts


class Trainer:
    """Trains on an executor: equal requests share one training, and one that failed is not tried again.

    Parameters
    ----------
    progress
        Told of the epochs where one training runs at a time, else of how many trainings are done.
    """

    def __init__(self, executor: Executor, progress: Progress) -> None:
        self._executor = executor
        self._progress = progress
        self._begun: dict[TrainingRequest, Sequence[Future]] = {}
        self._parallel = executor.processes > 1
        self._lock = threading.Lock()
        self._done = 0

    def begin(self, *requests: TrainingRequest) -> None:
        """Begin trainings that `train` will be asked for, as far as there is room."""
        new = [request for request in dict.fromkeys(requests) if request not in self._begun]
        for request in new:
            self._begun[request] = [self._submit(part) for part in request.split()]
        if new and self._parallel:
            self._progress.trainings(0, self._total)
            for future in [future for request in new for future in self._begun[request]]:
                future.add_done_callback(self._count)

    def train(self, request: TrainingRequest) -> Fitted:
        """Return what a training gives, begun now unless it was before.

        Raises
        ------
        HoldoutError, TrainingError
        """
        self.begin(request)
        return join_parts(request, [future.result() for future in self._begun[request]])

    def close(self) -> None:
        """End whatever still runs, at once."""
        self._executor.close()

    @property
    def _total(self) -> int:
        return sum(len(parts) for parts in self._begun.values())

    def _submit(self, part: TrainingRequest) -> Future:
        return self._executor.submit(part, on_epoch=None if self._parallel else self._announce(part))

    def _announce(self, part: TrainingRequest) -> OnEpoch:
        """Return a callback that announces its training when it begins: until then another may be under way."""
        inner: list[OnEpoch] = []

        def on_epoch(epoch: int, loss: float) -> None:
            if not inner:
                inner.append(self._progress.training(part.title, epochs=part.max_epochs))
            inner[0](epoch, loss)

        return on_epoch

    def _count(self, _: object) -> None:
        with self._lock:
            self._done += 1
            self._progress.trainings(self._done, self._total)


@contextmanager
def open_trainer(settings: Settings) -> Iterator[Trainer]:
    """Give a trainer on the executor of the settings; when the block ends, nothing it started is left running.

    Raises
    ------
    SettingsError
        Dask is asked for and not installed.
    """
    trainer = Trainer(make_executor(settings), current_progress())
    try:
        yield trainer
    finally:
        trainer.close()
