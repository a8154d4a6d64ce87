"""Train what is due, apart from the night."""

from functools import partial

from prefect import flow
from prefect.client.schemas.objects import State

from flows.batch import explaining, logged, make_run, name_run, opened_store, run_jobs
from stockrnn.models.registry import choose_specs
from stockrnn.progress import current_progress
from stockrnn.settings import load_settings
from stockrnn.sources.registry import get_source
from stockrnn.steps import retrain as step
from stockrnn.steps.planning import begin_trainings
from stockrnn.steps.run import Job
from stockrnn.steps.tickers import choose_tickers
from stockrnn.training.trainer import open_trainer
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
        run = make_run(settings, engine)
        chosen = choose_tickers(settings, engine, tickers, get_source("stored"))
        jobs = run.jobs(chosen, specs)
        parameters = {"tickers": chosen, "specs": list(specs), "force": force}
        with logged(run, parameters) as log, open_trainer(settings) as trainer:
            planned = begin_trainings(jobs, {"retrain": partial(step.plan, force=force)}, trainer)

            def work(job: Job) -> None:
                done = step.retrain(job, trainer, force=force, planned=planned.take(job, "retrain"))
                for line in step.describe_retrained(done, spec=job.spec_name):
                    current_progress().step(job.ticker, line)

            return run_jobs("retrain", jobs, log=log, work=work)
