"""Signs of life: while a run lives its row says so, and one that was declared dead, and is not, stops."""

import contextvars
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Engine

from stockrnn.store.engine import patient, writing
from stockrnn.store.runs import State, read_run, write_run_end, write_sign_of_life

LOG = logging.getLogger("stockrnn")

SECONDS_BETWEEN = 30.0
_LAST_SIGN_SECONDS = 5.0
"""How long a run that has ended waits for a sign of life that is being written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How somebody else has ended a run that lives."""

    state: State
    reason: str


class FindVerdict(Protocol):
    """Asks whoever may end a run, such as a Prefect server."""

    def __call__(self) -> Verdict | None:
        """Return how it has ended the run, None where it has not or does not answer."""


def find_none() -> None:
    """Stand for nobody else who could end a run."""


@contextmanager
def giving_signs_of_life(engine: Engine, run_id: str, *, find_verdict: FindVerdict) -> Iterator[None]:
    """Write a sign of life now and then while the block runs; stop this process where the run was declared dead.

    A database that is away or locked is no reason to stop, nor is anything else that goes wrong here.
    """
    over = threading.Event()

    def live() -> None:
        while not over.wait(SECONDS_BETWEEN):
            reason = _give_sign(engine, run_id, find_verdict)
            if reason and not over.is_set():
                LOG.error("this run was ended from outside, and stops: %s", reason)
                os.kill(os.getpid(), signal.SIGTERM)  # as whoever cancels it does: what it has begun is ended, too
                return

    # in this context, where Prefect's settings are
    thread = threading.Thread(target=contextvars.copy_context().run, args=(live,), name="signs of life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_LAST_SIGN_SECONDS)


def _give_sign(engine: Engine, run_id: str, find_verdict: FindVerdict) -> str | None:
    """Write a sign of life, then ask; return why the run has to stop, None where nothing says so."""
    now, store = datetime.now(UTC), patient(engine, seconds=0)
    try:
        with writing(store) as connection:
            if not write_sign_of_life(connection, run_id, seen_at=now):
                run = read_run(connection, run_id)
                return None if run is None else run.error or run.state
    except Exception:  # the next sign may do better
        LOG.debug("no sign of life could be written", exc_info=True)
    try:
        verdict = find_verdict()
    except Exception:  # noqa: BLE001  # whoever does not answer has not ended the run
        return None
    if verdict is None:
        return None
    with suppress(Exception), writing(store) as connection:
        write_run_end(connection, run_id, state=verdict.state, ended_at=now, error=verdict.reason)
    return verdict.reason
