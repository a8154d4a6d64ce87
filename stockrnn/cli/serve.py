"""Start a Prefect server, and serve the deployments from one process."""

import os
from typing import Annotated

import typer

from stockrnn.errors import UsageError


def server(
    host: Annotated[
        str, typer.Option(help="The address to answer at; 0.0.0.0 is every one of this machine, unencrypted.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to answer at.")] = 4200,
) -> None:
    """Start a Prefect server with its UI, which asks for a login, until it is stopped.

    Whoever has the login can run commands as the user of whatever serves the deployments, so it lies in a file that
    only you can read, `prefect-server/login.env` in the data folder.
    """
    from flows.server import run_server
    from stockrnn.settings import load_settings

    run_server(load_settings(), host=host, port=port)


def serve() -> None:
    """Serve the deployments from this process until it is stopped: schedules, and runs started in the UI.

    Needs a Prefect server, which keeps the schedules: `stockrnn server` in another window, or another one's address
    in PREFECT_API_URL and login in PREFECT_API_AUTH_STRING.
    """
    from flows.prefect_home import configure_prefect
    from flows.server import adopt_login
    from stockrnn.settings import load_settings
    from stockrnn.store.migrate import open_store

    settings = load_settings()
    adopt_login(settings)
    if not os.environ.get("PREFECT_API_URL"):
        raise UsageError(
            "serving needs a Prefect server: start one with 'stockrnn server', or set PREFECT_API_URL to another's "
            "address; without a server a crontab can run 'stockrnn nightly'"
        )
    open_store(settings).dispose()  # what is wrong with it is said now, not at night
    configure_prefect(settings)
    from flows.serve import serve_all

    serve_all()
