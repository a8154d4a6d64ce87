"""Show a night in Prefect's UI: one page per ticker, a table of forecasts, a page of the night.

Only where runs go to a server: without one there is no UI, and the pictures of years would pile up for nobody.
"""

import logging
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import cast
from uuid import UUID

from prefect import task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from sqlalchemy import Engine

from flows.prefect_home import has_server
from stockrnn.progress import OnEpoch, Progress, current_progress, shown_by
from stockrnn.report.markdown import escape_markdown
from stockrnn.report.pages import describe_night, describe_ticker, list_forecasts
from stockrnn.steps.outcomes import Night
from stockrnn.store.engine import reading
from stockrnn.store.queries import get_query, run_query

LOG = logging.getLogger("stockrnn")


class ShownProgress:
    """Shows how many tickers of a run are done as an artifact of the run, besides what another display does."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self._artifact: UUID | None = None
        self._done, self._all = 0, 1

    def begin(self, tickers: Sequence[str]) -> None:
        """Make the artifact."""
        self._inner.begin(tickers)
        self._all = max(len(tickers), 1)
        words = f"Tickers done, of {len(tickers)}"
        made = create_progress_artifact(progress=0, key="progress", description=words)
        self._artifact = cast("UUID", made)  # a coroutine only inside a running loop

    def training(self, title: str, *, epochs: int) -> OnEpoch:
        """Leave epochs to the other display."""
        return self._inner.training(title, epochs=epochs)

    def trainings(self, done: int, total: int) -> None:
        """Leave trainings to the other display."""
        self._inner.trainings(done, total)

    def step(self, ticker: str, message: str) -> None:
        """Leave steps to the other display."""
        self._inner.step(ticker, message)

    def finish(self, ticker: str) -> None:
        """Count a ticker that is done, well or not."""
        self._inner.finish(ticker)
        self._done += 1
        if self._artifact is not None:
            update_progress_artifact(self._artifact, progress=100 * self._done / self._all)


def show_progress() -> AbstractContextManager[None]:
    """Show the run's progress in the UI too, where there is one."""
    return shown_by(ShownProgress(current_progress())) if has_server() else nullcontext()


def publish_night(night: Night, engine: Engine) -> None:
    """Show the night in the UI, where there is one; the night stands without it."""
    if not has_server():
        return
    try:
        publish(night, engine)
    except Exception:
        LOG.exception("the artifacts of the night could not be written")


@task(name="publish", task_run_name="publish", cache_policy=NO_CACHE)
def publish(night: Night, engine: Engine) -> None:
    """Write the artifacts of a night; each key keeps its earlier versions."""
    for ticker in night.tickers:
        outcomes = [outcome for outcome in night.outcomes if outcome.ticker == ticker]
        create_markdown_artifact(
            describe_ticker(outcomes),
            key=make_key("forecast", ticker),
            description=f"{escape_markdown(ticker)}: forecast and report",
        )
    rows = list_forecasts(night.outcomes)
    if rows:
        create_table_artifact(rows, key="forecasts", description=f"Forecasts as of {night.as_of:%Y-%m-%d %H:%M} UTC")
    with reading(engine) as connection:
        table = run_query(connection, get_query("price_issues"), {})
    page = describe_night(
        night.outcomes,
        as_of=night.as_of,
        summary=night.summary,
        failures=night.failures,
        warnings=night.warnings,
        issues=[(row[0], row[1], row[2], row[3]) for row in table.rows if row[0] in night.tickers],
    )
    create_markdown_artifact(page, key="night", description=f"The night of {night.as_of:%Y-%m-%d}")


def make_key(*words: str) -> str:
    """Return an artifact's key, which Prefect wants in small letters, digits and dashes.

    >>> make_key("forecast", "^GSPC"), make_key("forecast", "0700.HK")
    ('forecast-gspc', 'forecast-0700-hk')
    """
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-").replace("--", "-")
