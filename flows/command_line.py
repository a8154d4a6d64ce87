"""Flows that a command runs in its own process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from flows.prefect_home import configure_prefect, remember_migrated, without_ui
from flows.server import adopt_login
from flows.temporary_api import TemporaryApi
from stockrnn.settings import Settings

_ENDED_SECONDS, _STOPPED_SECONDS = 10.0, 1.0


@contextmanager
def running_prefect(settings: Settings) -> Iterator[None]:
    """Let flows run inside the block: on the server that PREFECT_API_URL names, else on an API that ends with it.

    Raises
    ------
    StockrnnError
        The API does not start.
    """
    configure_prefect(settings)
    if "PREFECT_API_URL" in os.environ:
        adopt_login(settings)
        yield
        return
    api = TemporaryApi()
    try:
        # the imports take as long as the API takes to start
        from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

        import flows.nightly  # noqa: F401

        api.wait(seconds=float(os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"]))
        own = {PREFECT_API_URL: api.url, PREFECT_API_AUTH_STRING: api.auth_string}
        try:
            with temporary_settings(own), without_ui():
                yield
        except BaseException:
            _send_events(seconds=_STOPPED_SECONDS)
            raise
        _send_events(seconds=_ENDED_SECONDS)
        remember_migrated()
    finally:
        api.stop()


def _send_events(*, seconds: float) -> None:
    """Send what Prefect still has to say: once the API is gone, each event would be tried again for seconds."""
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=seconds)
