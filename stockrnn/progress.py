"""How work that takes long tells its caller how far it is. Knows nothing of Prefect or of terminals."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeAlias

LOG = logging.getLogger("stockrnn")

OnEpoch: TypeAlias = Callable[[int, float], None]
"""Called with 0 and NaN as a training begins, then after each epoch with its number and its loss."""


class Progress(Protocol):
    """What is reported while work is under way; called from several threads."""

    def begin(self, tickers: Sequence[str]) -> None:
        """Say which tickers will be worked on."""

    def training(self, title: str, *, epochs: int) -> OnEpoch:
        """Return a function to call after each epoch of a training, such as `META: tutorial model`."""

    def trainings(self, done: int, total: int) -> None:
        """Say how many of the trainings that run beside the steps are done, none of them at first."""

    def step(self, ticker: str, message: str) -> None:
        """Say what was done for a ticker."""

    def finish(self, ticker: str) -> None:
        """Say that a ticker is done, well or not."""


class LogProgress:
    """Plain lines: one for each thing done, none for epochs."""

    def begin(self, tickers: Sequence[str]) -> None:
        """Log the tickers, if there are several."""
        if len(tickers) > 1:
            LOG.info("%d tickers: %s", len(tickers), ", ".join(tickers))

    def training(self, title: str, *, epochs: int) -> OnEpoch:
        """Log that a training begins; its epochs stay silent."""
        whose, _, what = title.partition(": ")
        LOG.info("%s: training the %s, at most %d epochs", whose, what, epochs)
        return lambda _epoch, _loss: None

    def trainings(self, done: int, total: int) -> None:
        """Log how many there are."""
        if done == 0:
            LOG.info("%d networks to train", total)

    def step(self, ticker: str, message: str) -> None:
        """Log what was done."""
        LOG.info("%s: %s", ticker, message)

    def finish(self, ticker: str) -> None:
        """Stay silent: the last step said it."""


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


def current_progress() -> Progress:
    """Return the caller's progress display, else plain log lines."""
    return _current.get() or LogProgress()


@contextmanager
def shown_by(progress: Progress) -> Iterator[None]:
    """Report what runs inside the block to `progress`."""
    token = _current.set(progress)
    try:
        yield
    finally:
        _current.reset(token)
