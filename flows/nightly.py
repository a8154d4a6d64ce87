"""The night as a Prefect flow: its form, its tasks, its artifacts. What is done stands in `stockrnn.night`."""

import logging
from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.artifacts import publish_night, show_progress
from flows.batch import explaining, logged, name_run, opened_store
from flows.empty_runs import EMPTY, remove_empty_runs
from flows.tasks import run_as_task
from stockrnn.errors import StockrnnError
from stockrnn.models.registry import choose_specs
from stockrnn.night import run_night
from stockrnn.settings import load_settings
from stockrnn.sources.registry import SourceName, choose_source
from stockrnn.sources.source import Source
from stockrnn.steps.due import find_due
from stockrnn.steps.moment import start_run
from stockrnn.steps.outcomes import Night
from stockrnn.steps.tickers import choose_tickers
from stockrnn.training.trainer import open_trainer
from stockrnn.types import Epochs, Moment, Ticker, limit_as_of

LOG = logging.getLogger("stockrnn")


class NightFailedError(StockrnnError):
    """Every ticker of a night failed: Prefect takes nothing but an error as what a failed run leaves."""

    def __init__(self, night: Night) -> None:
        super().__init__(night.summary)
        self.night = night


@flow(name="nightly", flow_run_name=name_run, persist_result=False)
@explaining
def nightly(  # noqa: PLR0917  # the fields of a form in the UI
    tickers: list[Ticker] | None = None,
    as_of: Moment | None = None,
    source: SourceName | None = None,
    spec: str | None = None,
    epochs: Epochs | None = None,
    due_only: bool = False,  # noqa: FBT001, FBT002  # a check box in the UI
) -> State[Night]:
    """Update prices, score, retrain what is due, backtest the last whole month, forecast, report.

    Args:
        tickers: Yahoo symbols; none means those of stockrnn.toml, else all active ones in the store.
        as_of: The run's "now", in UTC unless it has an offset; none means now. An earlier one gives hindcasts.
        source: Where prices come from; none means what stockrnn.toml says, else Yahoo. "stored" downloads nothing,
            "simulated" is the built-in market.
        spec: The model configuration; none means all that are nightly in stockrnn.toml.
        epochs: Train so many epochs instead of the specs'.
        due_only: Only the tickers that are due, as the hourly schedule wants it: those whose last bar has settled
            and that nothing was forecast from yet, while a forecast can still be live. Ends at once where none is.
    """
    now = datetime.now(UTC)
    settings, specs = choose_specs(load_settings(), spec, epochs=epochs)
    origin = choose_source(settings, source)
    with opened_store(settings) as engine:
        moment = None if as_of is None else _read_as_of(as_of, now, origin)
        run = start_run(settings, engine, as_of=moment, now=now, simulated=origin.simulated)
        chosen = choose_tickers(settings, engine, tickers, origin)
        if due_only:
            due = find_due(run, chosen, specs, source=origin)
            if not due.tickers:  # no row: there are many such runs a day
                remove_empty_runs()
                return Completed(name=EMPTY, message=due.words)
            chosen = list(due.tickers)
        parameters = {"tickers": chosen, "source": origin.names, "specs": list(specs), "epochs": epochs}
        with logged(run, parameters) as log:
            with show_progress(), open_trainer(settings) as trainer:
                night = run_night(run, chosen, specs, source=origin, trainer=trainer, run_step=run_as_task)
            for warning in night.warnings:
                LOG.warning("%s", warning)
            publish_night(night, engine)
            log.state, log.error = "failed" if night.all_failed else "completed", night.error
        if night.all_failed:
            return Failed(message=night.summary, data=NightFailedError(night))
        return Completed(message=night.summary, data=night)


def run_nightly(**parameters: Any) -> Night:  # noqa: ANN401  # the flow's own parameters
    """Run the flow in this process and return how the night went, also where every ticker failed.

    Raises
    ------
    StockrnnError
        The night could not begin.
    """
    try:
        state = nightly(**parameters, return_state=True)
    except RuntimeError as error:  # what Prefect raises when its API does not come up
        raise StockrnnError(f"Prefect could not run the night: {error}") from error
    result = state.result(raise_on_failure=False)
    if isinstance(result, Night):
        return result
    if isinstance(result, NightFailedError):
        return result.night
    if isinstance(result, Exception):
        raise result
    raise StockrnnError(f"the night ended as {state.name}: {state.message}")


def _read_as_of(as_of: datetime, now: datetime, source: Source) -> datetime:
    moment = (as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)).astimezone(UTC)
    return moment if source.simulated else limit_as_of(moment, now=now)
