"""What becomes of an error that nobody foresaw: one line for the user, the traceback in a file for its report."""

import os
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

from stockrnn import __version__

TRACEBACK_FILE = "traceback.txt"
_MAX_WORDS = 300


def explain_unexpected(error: Exception) -> str:
    """Return one line on an error that is not ours, after its traceback was written to a file.

    A failure of the machine, such as a full disk, is called by its name; a damaged database is looked for; whatever
    else it is, is a bug of stockrnn.
    """
    damage = _find_damage()
    if damage is not None:
        return damage
    words = " ".join(f"{type(error).__name__}: {error}".split())[:_MAX_WORDS]
    file = _write_traceback(error)
    if isinstance(error, OSError | MemoryError):
        return f"the machine refused: {words}; what was written so far stands; see {file}"
    return f"unexpected {words}; this is a bug of stockrnn, please report it with {file}"


def _find_damage() -> str | None:
    from stockrnn.settings import load_settings
    from stockrnn.store.engine import describe_damage, find_damage
    from stockrnn.store.migrate import open_store

    try:
        found = find_damage(open_store(load_settings(), create=False))
    except Exception:  # noqa: BLE001  # what broke the command may break this, too
        return None
    return None if found is None else str(describe_damage(found))


def _write_traceback(error: Exception) -> str:
    """Write it to the data folder, in place of an earlier one, else to a temporary one; only its owner reads it."""
    text = f"stockrnn {__version__}\n{''.join(traceback.format_exception(error))}"
    for make_folder in (_data_folder, _temporary_folder):
        with suppress(Exception):  # as above
            path = make_folder() / TRACEBACK_FILE
            path.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            return f"the traceback in {path}"
    return "its traceback, which could not be written"


def _data_folder() -> Path:
    from stockrnn.settings import load_settings

    return load_settings().home


def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="stockrnn-"))
