"""Train what is due, apart from the night."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from flows import tasks
from flows.batch import explaining, make_jobs, name_run, opened_store, run_jobs
from flows.trainers import open_trainer, retraining
from stockrnn.settings import load_settings
from stockrnn.steps.tickers import choose_specs, choose_tickers
from stockrnn.types import Ticker


@flow(name="retrain", flow_run_name=name_run, persist_result=False)
@explaining
def retrain(tickers: list[Ticker] | None = None, spec: str | None = None, force: bool = False) -> State:  # noqa: FBT001, FBT002  # a check box in the UI
    """Train the models that are due on the stored prices, and take each into use unless it may be worse.

    Args:
        tickers: Yahoo symbols; none means those of stockrnn.toml, else all active ones in the store.
        spec: The model configuration; none means all that are nightly in stockrnn.toml.
        force: Train also where nothing is due.
    """
    settings, specs = choose_specs(load_settings(), spec, epochs=None)
    with opened_store(settings) as engine:
        chosen = choose_tickers(settings, engine, tickers)
        jobs = make_jobs(settings, engine, chosen, specs, now=datetime.now(UTC))
        with open_trainer(settings, jobs, [retraining(force=force)]) as trainer:
            return run_jobs(
                "retrain",
                jobs,
                parameters={"tickers": chosen, "specs": list(specs), "force": force},
                work=lambda job: tasks.retrain(job, trainer, force=force),
            )
