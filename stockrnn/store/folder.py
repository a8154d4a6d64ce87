"""The data folder: private, and with a note beside the database that says that there was one."""

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL

from stockrnn.errors import StoreError
from stockrnn.settings import Settings

_NOTE = """\
{name} in this folder is the store of stockrnn: its record of forecasts, prices and models.
Where it is gone, stockrnn makes no new one in silence: restore it from a backup. To begin anew with an empty
store, remove this file, and {name} and {name}-wal where they are still there.
"""


def make_private(settings: Settings) -> None:
    """Let what this process and its children write from now on be for its user alone, or for a group.

    It is the process's umask, which also holds for what SQLite, matplotlib and Prefect write. What is there already
    keeps its permissions.
    """
    os.umask(settings.umask)


def find_open(settings: Settings) -> list[Path]:
    """Return what in the data folder is open to those whom the settings shut out; nothing where itself is shut."""
    home = settings.home
    if not home.exists() or not _is_open(home, settings.umask):
        return []
    return [path for path in sorted((home, *home.iterdir())) if _is_open(path, settings.umask)]


def _is_open(path: Path, umask: int) -> bool:
    return bool(path.stat().st_mode & umask)


def make_folder(folder: Path) -> None:
    """Make the data folder where there is none.

    Raises
    ------
    StoreError
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"can't make the data folder {folder}: {error.strerror}; set STOCKRNN_HOME to another"
        ) from None


def make_file(url: URL) -> None:
    """Make an empty file where there is none: SQLite's own would be shut to the group whatever the umask is."""
    path = find_file(url)
    if path is not None and path.parent.is_dir() and not path.exists():
        with suppress(OSError):  # which SQLite explains as it opens the file
            path.touch()


def refuse_loss(url: URL) -> bool:
    """Refuse to begin anew where a store was; return whether there is one already, by its note.

    Raises
    ------
    StoreError
        The file of the database is gone or empty, and something beside it says that it was not so before.
    """
    path = find_file(url)
    if path is None:
        return False
    # in this order: a store that is just being made has its note last
    known = find_note(path).exists()
    log = path.with_name(f"{path.name}-wal")
    left = known or (log.exists() and log.stat().st_size > 0)
    if left and not (path.exists() and path.stat().st_size):
        raise _make_loss(path, "is empty" if path.exists() else "is gone", known=known)
    return known


def refuse_empty(url: URL) -> None:
    """Refuse a file without a table where a store has left its note; raises `StoreError`."""
    path = find_file(url)
    if path is not None:
        raise _make_loss(path, "holds no table of stockrnn's", known=True)


def note_store(url: URL) -> None:
    """Write the note beside a database that has its tables; a folder that can't be written does without."""
    path = find_file(url)
    if path is None or find_note(path).exists():
        return
    with suppress(OSError):
        find_note(path).write_text(_NOTE.format(name=path.name), encoding="utf-8")


def find_file(url: URL) -> Path | None:
    """Return the file of a SQLite database; None of a server's, and of one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":", "file:")):
        return None
    return Path(url.database)


def find_note(path: Path) -> Path:
    """Return the note beside the file of a database."""
    return path.with_name(f"{path.name}.txt")


def _make_loss(path: Path, state: str, *, known: bool) -> StoreError:
    remains = find_note(path) if known else path.with_name(f"{path.name}-wal")
    return StoreError(
        f"the store {path} {state}, and {remains.name} says that there was one; restore it from a backup, or remove "
        f"{remains} to begin anew"
    )
