"""Train in a process of its own: one that is killed, as because memory ran out, takes only its training with it."""

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import pandas as pd

from stockrnn.errors import HoldoutError, StockrnnError, TrainingError
from stockrnn.models.forecaster import Fitted
from stockrnn.training.train import OnEpoch, fit_model

_REASONS: dict[str, type[StockrnnError]] = {"HoldoutError": HoldoutError, "TrainingError": TrainingError}


class ProcessTrainer:
    """Trains as `fit_model` does, in a process that is started at the first training and serves all others.

    Parameters
    ----------
    fit
        What the process runs: `fit_model`, or in a test something that breaks.
    """

    def __init__(self, fit: Callable[..., Fitted] = fit_model) -> None:
        self._fit = fit
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def __call__(self, *parts: Any, on_epoch: OnEpoch | None = None, **options: Any) -> Fitted:  # noqa: ANN401  # see `fit_model`
        """Return what `fit_model` returns.

        Raises
        ------
        HoldoutError, TrainingError
            As `fit_model`, and where the process ended.
        """
        pipe = self._start()
        try:
            pipe.send((parts, options))
            while True:
                kind, content = pipe.recv()
                if kind == "fitted":
                    return content  # type: ignore[no-any-return]  # what the process was asked for
                if kind != "epoch":
                    raise _REASONS[kind](content)
                if on_epoch:
                    on_epoch(*content)
        except (EOFError, OSError):
            raise TrainingError(self._explain_end()) from None

    def _start(self) -> Connection:
        if self._process is None or self._pipe is None or not self._process.is_alive():
            # spawned, not forked: TensorFlow's threads do not survive a fork
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, self._fit), daemon=True)
            self._process.start()
            theirs.close()
        return self._pipe

    def _explain_end(self) -> str:
        code = None
        if self._process is not None:
            self._process.join()
            code = self._process.exitcode
        self._process = self._pipe = None
        how = f"was killed ({signal.Signals(-code).name})" if code is not None and code < 0 else f"ended ({code})"
        return f"the process that trained {how}, most often because memory ran out; make units or max_windows less"


class PatientTrainer:
    """Trains once what all tickers share: a training that failed fails again at once, for as long as this lives.

    A model for all tickers is asked for at each of them; without this, a night would run out of memory at each.
    """

    def __init__(self, trainer: Callable[..., Fitted]) -> None:
        self._trainer = trainer
        self._failed: dict[object, StockrnnError] = {}

    def __call__(self, spec: object, bars: Mapping[str, pd.DataFrame], **options: Any) -> Fitted:  # noqa: ANN401  # see `fit_model`
        """Return what the trainer returns; raise what it raised for the same bars before."""
        key = (
            spec,
            *((ticker, len(known), known.index[-1]) for ticker, known in bars.items()),
            options.get("start") is None,
        )
        if key in self._failed:
            raise self._failed[key]
        try:
            return self._trainer(spec, bars, **options)
        except (HoldoutError, TrainingError) as error:
            self._failed[key] = error
            raise


@cache
def process_trainer() -> ProcessTrainer:
    """Return the trainer of this process."""
    return ProcessTrainer()


def _serve(pipe: Connection, fit: Callable[..., Fitted]) -> None:
    """Train what is asked for until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    while True:
        try:
            parts, options = pipe.recv()
        except EOFError:
            return
        pipe.send(_train(pipe, fit, parts, options))


def _train(
    pipe: Connection, fit: Callable[..., Fitted], parts: tuple[Any, ...], options: dict[str, Any]
) -> tuple[str, Any]:
    try:
        return "fitted", fit(*parts, on_epoch=lambda *epoch: pipe.send(("epoch", epoch)), **options)
    except (HoldoutError, TrainingError) as error:
        return type(error).__name__, str(error)
    except Exception:  # noqa: BLE001  # not every exception can be sent
        return "TrainingError", f"training failed unexpectedly:\n{traceback.format_exc()}"
