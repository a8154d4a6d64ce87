"""Read a file that a user names, whatever it turns out to be: nothing is waited for, and memory has a bound."""

import os
import stat
from pathlib import Path

_MEGABYTE = 1_000_000
_KINDS = {
    stat.S_IFDIR: "is a folder",
    stat.S_IFIFO: "is a named pipe",
    stat.S_IFSOCK: "is a socket",
    stat.S_IFCHR: "is a device",
    stat.S_IFBLK: "is a device",
}


class UnreadableFileError(Exception):
    """A file that can't be read whole: `problem` says why, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(f"{problem}; {remedy}")


def read_file(path: Path, *, max_bytes: int, if_larger: str) -> bytes:
    """Return the content of a regular file; `if_larger` is what to do about one of more than `max_bytes`.

    Raises
    ------
    UnreadableFileError
        There is none, it is no regular file, is larger than `max_bytes`, or may not be read.
    """
    try:
        # a pipe that nobody writes to would be waited for without end
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
            if kind in _KINDS:
                raise UnreadableFileError(_KINDS[kind], "name a regular file")
            content = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise UnreadableFileError("no such file", "check the path") from None
    except IsADirectoryError:  # what fdopen says of it
        raise UnreadableFileError(_KINDS[stat.S_IFDIR], "name a regular file") from None
    except (OSError, ValueError) as error:  # ValueError: of a path with a NUL character
        reason = getattr(error, "strerror", None) or error
        raise UnreadableFileError(f"can't be read ({reason})", "check the path and its permissions") from None
    if len(content) > max_bytes:
        raise UnreadableFileError(f"is larger than {max_bytes / _MEGABYTE:g} MB", if_larger)
    return content
