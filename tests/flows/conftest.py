"""All flow tests run on the real Prefect server of the test run."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _prefect(prefect_api) -> None:
    """Let every flow go to the server."""
