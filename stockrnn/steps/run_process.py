"""Which process a run is, and whether that one is still there.

A pid says little: it is used again, another machine has the same, and a container counts anew from 1. So a process is
named by the boot of its machine, the pid namespace that its number belongs to, its pid and its start. Where a run's
boot or namespace is another, nobody here can look for it: then its signs of life count.
"""

import os
import socket
import sys
import uuid
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import psutil

from stockrnn.store.runs import Run, RunProcess

MAX_SILENCE = timedelta(minutes=10)
"""How long a run that can't be looked for may give no sign of life: a database may be away for most of that time."""


def this_process() -> RunProcess:
    """Return the process that asks."""
    pid = os.getpid()
    return RunProcess(host=socket.gethostname(), pid=pid, process=f"{_find_machine()} {pid} {_find_start(pid)}")


def explain_death(run: Run, *, now: datetime) -> str | None:
    """Say why a run that has no end is dead, None where it lives or may live."""
    if run.process is None:
        return _explain_silence(run, "it", now)
    where = f"its process, {run.process.pid} on {run.process.host},"
    machine, pid, start = run.process.process.rsplit(" ", 2)
    if machine != _find_machine():
        return _explain_silence(run, where, now)
    if _find_start(int(pid)) == start:
        return None
    return f"{where} is gone: killed, or the machine went down; its last sign of life was at {_write(run.seen_at)}"


def _explain_silence(run: Run, where: str, now: datetime) -> str | None:
    if now - run.seen_at <= MAX_SILENCE:
        return None
    return f"{where} gave no sign of life after {_write(run.seen_at)}"


def _write(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _find_machine() -> str:
    """Return what tells apart all machines, their boots and their containers, as far as the system says."""
    if sys.platform == "linux":
        with suppress(OSError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return f"{uuid.getnode():012x}"


def _find_start(pid: int) -> str | None:
    """Return when a process began, in words that a clock set anew does not change; None where it is gone."""
    with suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if sys.platform == "linux":  # ticks since the boot; psutil adds the boot, which moves with the clock
            return Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()[19]
        return str(process.create_time())
    return None
