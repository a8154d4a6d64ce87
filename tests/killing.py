"""Kills this process at the n-th moment of writing: before and after each statement that writes, and each commit."""

import os
import signal

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

AT, WHOM = "KILL_AT", "KILL_WHOM"
"""The variables that arm a command, see `tiny/sitecustomize.py`: the moment's number, and `group` or `alone`."""


class Killer:
    """Kills this process alone, or with its process group, at the moment with this number, counted from 1."""

    def __init__(self, number: int, *, group: bool):
        self._left, self._group, self._committed = number, group, False

    def arm(self) -> None:
        """Watch all connections of this process."""
        event.listen(Engine, "before_cursor_execute", self._pass_statement)
        event.listen(Engine, "after_cursor_execute", self._pass_statement)
        event.listen(Engine, "commit", self._pass_commit)
        event.listen(Pool, "checkin", self._pass_return)

    def _pass_statement(self, _connection, _cursor, statement, *_):
        if statement.lstrip()[:6].lower() in {"insert", "update", "delete"}:
            self._pass()

    def _pass_commit(self, _connection):
        self._committed = True
        self._pass()

    def _pass_return(self, *_):
        if self._committed:
            self._committed = False
            self._pass()

    def _pass(self):
        self._left -= 1
        if self._left == 0:
            if self._group:
                os.killpg(os.getpgid(0), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()


def arm_by_environment(words: list[str]) -> None:
    """Arm a process that is a night of the command line, and none that it starts."""
    if AT in os.environ and words[1:4] == ["-m", "stockrnn", "nightly"]:
        Killer(int(os.environ[AT]), group=os.environ[WHOM] == "group").arm()
