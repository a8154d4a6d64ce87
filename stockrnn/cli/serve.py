"""Serve the deployments from one process."""

import os

from stockrnn.errors import UsageError


def serve() -> None:
    """Serve the deployments from this process until it is stopped: schedules, and runs started in the UI.

    Needs a Prefect server, which keeps the schedules: `prefect server start` in another window, and its address in
    PREFECT_API_URL.
    """
    from flows.prefect_home import configure_prefect
    from stockrnn.settings import load_settings
    from stockrnn.store.migrate import open_store

    if not os.environ.get("PREFECT_API_URL"):
        raise UsageError(
            "serving needs a Prefect server: start one with 'prefect server start' and set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api; without a server a crontab can run 'stockrnn nightly'"
        )
    settings = load_settings()
    open_store(settings).dispose()  # what is wrong with it is said now, not at night
    configure_prefect(settings)
    from flows.serve import serve_all

    serve_all()
