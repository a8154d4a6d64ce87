"""Train in child processes: one that is killed, as where memory runs out, takes only its training with it.

Never in threads: Keras' random numbers are one state per process. Wherever a model is trained, it is the same.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from stockrnn.errors import HoldoutError, StockrnnError, TrainingError
from stockrnn.progress import OnEpoch
from stockrnn.training.requests import Fitted, TrainingRequest, fit_request

_REASONS: dict[str, type[StockrnnError]] = {"HoldoutError": HoldoutError, "TrainingError": TrainingError}

Fit = Callable[[TrainingRequest, OnEpoch | None], Fitted]


class LostChildError(Exception):
    """A child process ended in the middle of a training."""


class ChildProcess:
    """A process that trains one request after the other, started at the first of them.

    Parameters
    ----------
    fit
        What the process runs: `fit_request`, or in a test something that breaks.
    """

    def __init__(self, fit: Fit = fit_request) -> None:
        self._fit = fit
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def train(self, request: TrainingRequest, on_epoch: OnEpoch | None) -> Fitted:
        """Return what the process' `fit` returns.

        Raises
        ------
        HoldoutError, TrainingError
            As `fit_request`.
        LostChildError
            The process ended.
        """
        pipe = self._start()
        try:
            pipe.send(request)
            while True:
                kind, content = pipe.recv()
                if kind == "fitted":
                    return content  # type: ignore[no-any-return]  # what the process was asked for
                if kind != "epoch":
                    raise _REASONS[kind](content)
                if on_epoch:
                    on_epoch(*content)
        except (EOFError, OSError):
            raise LostChildError(self._explain_end()) from None

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.join()

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


class ProcessExecutor:
    """Several child processes, one training each at a time.

    A training whose process was lost is tried once more when no other runs beside it: memory that did not suffice
    for several may suffice for one.
    """

    def __init__(self, *, processes: int, fit: Fit = fit_request) -> None:
        self.processes = processes
        self._fit = fit
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="training", initializer=_block_interrupts)
        self._local = threading.local()
        self._children: list[ChildProcess] = []
        self._running = threading.BoundedSemaphore(processes)
        self._alone = threading.Lock()
        self._closed = threading.Event()

    def submit(self, request: TrainingRequest, *, on_epoch: OnEpoch | None = None) -> Future[Fitted]:
        """Begin a training as soon as a process is free."""
        return self._threads.submit(self._train, request, on_epoch)

    def close(self) -> None:
        """Kill the processes; trainings under way fail."""
        self._closed.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in list(self._children):
            child.kill()
        self._threads.shutdown(wait=True)

    def _train(self, request: TrainingRequest, on_epoch: OnEpoch | None) -> Fitted:
        try:
            with self._running:
                return self._get_child().train(request, on_epoch)
        except LostChildError as error:
            if self.processes == 1 or self._closed.is_set():
                raise TrainingError(str(error)) from None
        try:
            return self._train_alone(request)
        except LostChildError as error:
            raise TrainingError(str(error)) from None

    def _train_alone(self, request: TrainingRequest) -> Fitted:
        with self._alone:  # two that waited for each other's place would wait for ever
            for _ in range(self.processes):
                self._running.acquire()
            try:
                return self._get_child().train(request, None)
            finally:
                for _ in range(self.processes):
                    self._running.release()

    def _get_child(self) -> ChildProcess:
        """Return the child of this thread."""
        if self._closed.is_set():
            raise TrainingError("the training was stopped")
        child: ChildProcess | None = getattr(self._local, "child", None)
        if child is None:
            child = self._local.child = ChildProcess(self._fit)
            self._children.append(child)
        return child


def _block_interrupts() -> None:
    """Keep Ctrl-C from the children that this thread starts: the parent ends them."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _serve(pipe: Connection, fit: Fit) -> None:
    """Train what is asked for until the other end is closed."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            pipe.send(_train(pipe, fit, pipe.recv()))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)


def _train(pipe: Connection, fit: Fit, request: TrainingRequest) -> tuple[str, Fitted | str]:
    try:
        return "fitted", fit(request, lambda *epoch: pipe.send(("epoch", epoch)))
    except HoldoutError as error:
        return "HoldoutError", str(error)
    except StockrnnError as error:
        return "TrainingError", str(error)
    except Exception:  # noqa: BLE001  # not every exception can be sent
        return "TrainingError", f"training failed unexpectedly:\n{traceback.format_exc()}"
