"""A Prefect server with doors that are shut: whoever drives it has to know its login.

A flow run may carry a shell command for the worker, so whoever may start runs may do on the worker's machine what the
worker's user may. As it comes, Prefect's server lets everyone who reaches its port: every user of the machine, and
every web page that is open in a browser on it.
"""

import os
import secrets
import sys
from pathlib import Path
from typing import NoReturn

from flows.prefect_home import name_database
from stockrnn.errors import StockrnnError
from stockrnn.settings import Settings

_LOGIN_FILE = "login.env"
_LOGIN = "PREFECT_API_AUTH_STRING"
_URL = "PREFECT_API_URL"

_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # the page asks whatever address it was opened at, be it a tunnel's, so no other origin needs to be let in
    "PREFECT_SERVER_UI_API_URL": "/api",
    # runs, logs and artifacts of more than 90 days ago are dropped, else the pictures of years would pile up
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
}


def login_path(settings: Settings) -> Path:
    """Return the file with the address and the login of the server that `run_server` started for these settings."""
    return settings.home / "prefect-server" / _LOGIN_FILE


def run_server(settings: Settings, *, host: str, port: int) -> NoReturn:
    """Become a Prefect server; whatever of its settings the user has set wins.

    Without a login of the user's own, one is made at the first start, in a file that only its owner can read.

    Raises
    ------
    StockrnnError
        The folder of the server can't be made.
    """
    path = login_path(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StockrnnError(
            f"can't make the server's folder {path.parent}: {error.strerror}; set STOCKRNN_HOME to another"
        ) from None
    home = Path(os.environ.setdefault("PREFECT_HOME", str(path.parent.resolve())))
    address = name_database(home)
    if address:
        os.environ.setdefault("PREFECT_API_DATABASE_CONNECTION_URL", address)
    defaults = {
        **_DEFAULTS,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
        # beside the package, where it would go else, another user may have installed it
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    if "PREFECT_SERVER_API_AUTH_STRING" not in os.environ:
        os.environ["PREFECT_SERVER_API_AUTH_STRING"] = _write_login(path, url=f"http://127.0.0.1:{port}/api")
        print(f"The UI asks for the login, which is in {path}, after '{_LOGIN}='.")  # noqa: T201
        print(f"For Prefect's own commands: export $(cat {path})", flush=True)  # noqa: T201
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)]
    os.execv(sys.executable, command)  # noqa: S606  # Prefect's own command, in this process's place


def adopt_login(settings: Settings) -> None:
    """Set address and login of the server started here, as far as the environment does not say."""
    known = _read(login_path(settings))
    if os.environ.get(_URL, known.get(_URL)) == known.get(_URL):  # another server has another login
        for name, value in known.items():
            os.environ.setdefault(name, value)


def _write_login(path: Path, *, url: str) -> str:
    """Write the address beside the login, which is made unless there is one; returns the login."""
    login = _read(path).get(_LOGIN) or f"stockrnn:{secrets.token_urlsafe(24)}"
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)  # private before anything is in it
    fresh.write_text(f"{_URL}={url}\n{_LOGIN}={login}\n", encoding="utf-8")
    fresh.replace(path)
    return login


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)
