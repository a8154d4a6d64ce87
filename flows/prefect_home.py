"""Prefect without a server: private, quiet, and kept apart from whatever else uses Prefect here.

Prefect reads its settings when it is imported, and settings files only from the working folder, so a command that
must work anywhere sets variables before the import. Whatever the user has set wins.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from stockrnn.errors import StockrnnError, UsageError
from stockrnn.settings import Settings

_HAS_UI: ContextVar[bool] = ContextVar("has_ui", default=True)

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_CLI_COLORS": "false",
    # a first start migrates Prefect's own database, which takes longer than the default of 20 seconds
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
}

_WITH_SERVER = {
    # in seconds: the automation of deployments/automations.yaml waits for these signs of life
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    # what the steps log stands in the UI too
    "PREFECT_LOGGING_EXTRA_LOGGERS": "stockrnn",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}


def configure_prefect(settings: Settings) -> None:
    """Set Prefect's variables; call it before anything imports Prefect.

    With PREFECT_API_URL set, runs go to that server and only telemetry and chatter are turned down.

    Raises
    ------
    UsageError
        PREFECT_API_URL holds a password, which Prefect would repeat.
    StockrnnError
        Prefect's own folder can't be made.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if "PREFECT_API_URL" in os.environ:
        if "@" in os.environ["PREFECT_API_URL"]:
            raise UsageError(
                "PREFECT_API_URL holds a user name or a password, which Prefect would show; leave them out and set "
                "PREFECT_API_AUTH_STRING=user:password"
            )
        for name, value in _WITH_SERVER.items():
            os.environ.setdefault(name, value)
        return
    # a failure that explains itself needs no traceback, and an unexpected one is logged by the flow itself
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    home = Path(os.environ.setdefault("PREFECT_HOME", str(settings.home.resolve() / "prefect")))
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StockrnnError(
            f"can't make Prefect's folder {home}: {error.strerror}; set PREFECT_HOME to another"
        ) from None
    address = name_database(home)
    if address:
        os.environ.setdefault("PREFECT_API_DATABASE_CONNECTION_URL", address)
    if _migrated(home).exists() and (home / "prefect.db").exists():
        os.environ.setdefault("PREFECT_API_DATABASE_MIGRATE_ON_START", "false")


def name_database(home: Path) -> str | None:
    """Return the address of Prefect's database in a folder whose path an address can't hold as it is; else None.

    Prefect puts the path into an address, where a ? or a # ends it: the database would lie elsewhere.
    """
    path = str(home.resolve() / "prefect.db")
    return f"sqlite+aiosqlite:///file:{quote(path)}?uri=true" if any(sign in path for sign in "?#%") else None


@contextmanager
def without_ui() -> Iterator[None]:
    """Say that the API in use has no UI, while the block runs."""
    token = _HAS_UI.set(False)
    try:
        yield
    finally:
        _HAS_UI.reset(token)


def has_server() -> bool:
    """Whether runs go to a Prefect server, which keeps and shows what is published."""
    from prefect.settings import PREFECT_API_URL

    return _HAS_UI.get() and bool(PREFECT_API_URL.value())


def remember_migrated() -> None:
    """Note that Prefect's database is at this version's schema, so that the next start need not migrate it."""
    home = Path(os.environ.get("PREFECT_HOME", ""))
    if (home / "prefect.db").exists():
        _migrated(home).touch()


def _migrated(home: Path) -> Path:
    return home / f"migrated-{version('prefect')}"
