"""How a running flow tells its caller how far it is. Knows nothing of Prefect or of terminals."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

LOG = logging.getLogger("stockrnn")


class Progress(Protocol):
    """What a flow reports while it runs."""

    def begin(self, tickers: Sequence[str]) -> None:
        """Say which tickers will be worked on."""

    def training(self, ticker: str, what: str, *, epochs: int) -> Callable[[int, float], None]:
        """Return a function to call after each epoch with its number and its loss."""

    def waiting(self, what: str, *, total: int) -> Callable[[int], None]:
        """Return a function to call with how many of what is waited for are done."""

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

    def training(self, ticker: str, what: str, *, epochs: int) -> Callable[[int, float], None]:
        """Log that a training begins; its epochs stay silent."""
        LOG.info("%s: training the %s, at most %d epochs", ticker, what, epochs)
        return lambda _epoch, _loss: None

    def waiting(self, what: str, *, total: int) -> Callable[[int], None]:
        """Log how many there are."""
        LOG.info("%d %s", total, what)
        return lambda _done: None

    def step(self, ticker: str, message: str) -> None:
        """Log what was done."""
        LOG.info("%s: %s", ticker, message)

    def finish(self, ticker: str) -> None:
        """Stay silent: the last step said it."""


def announcing(progress: Progress, ticker: str, what: str, *, epochs: int) -> Callable[[int, float], None]:
    """Return an epoch callback that announces its training when it begins: most nights nothing is trained."""
    inner: list[Callable[[int, float], None]] = []

    def on_epoch(epoch: int, loss: float) -> None:
        if not inner:
            inner.append(progress.training(ticker, what, epochs=epochs))
        inner[0](epoch, loss)

    return on_epoch


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
