"""Backtest a month: by default the calendar month that has just ended is the new January."""

from functools import partial

from prefect import flow
from prefect.client.schemas.objects import State

from flows.batch import explaining, logged, make_run, name_run, opened_store, run_jobs
from stockrnn.models.registry import choose_specs
from stockrnn.progress import current_progress
from stockrnn.settings import load_settings
from stockrnn.sources.registry import get_source
from stockrnn.steps import backtest as step
from stockrnn.steps.describe import describe_backtested
from stockrnn.steps.planning import begin_trainings
from stockrnn.steps.run import Job
from stockrnn.steps.tickers import choose_tickers
from stockrnn.training.trainer import open_trainer
from stockrnn.types import Month, Ticker, parse_month


@flow(name="backtest", flow_run_name=name_run, persist_result=False)
@explaining
def backtest(tickers: list[Ticker] | None = None, spec: str | None = None, holdout: Month | None = None) -> State:
    """Train up to the session before a month, forecast its sessions one step ahead, judge beside naive.

    Args:
        tickers: Yahoo symbols; none means those of stockrnn.toml, else all active ones in the store.
        spec: The model configuration; none means all that are nightly in stockrnn.toml.
        holdout: The month, such as 2020-01; none means the last one that has ended.
    """
    settings, specs = choose_specs(load_settings(), spec, epochs=None)
    asked = step.Holdout(span=parse_month(holdout)) if holdout else step.NIGHTLY
    with opened_store(settings) as engine:
        run = make_run(settings, engine)
        chosen = choose_tickers(settings, engine, tickers, get_source("stored"))
        jobs = run.jobs(chosen, specs)
        parameters = {"tickers": chosen, "specs": list(specs), "holdout": holdout}
        with logged(run, parameters) as log, open_trainer(settings) as trainer:
            planned = begin_trainings(jobs, {"backtest": partial(step.plan, holdout=asked)}, trainer)

            def work(job: Job) -> None:
                done = step.backtest(job, trainer, asked, planned=planned.take(job, "backtest"))
                current_progress().step(job.ticker, describe_backtested(done))

            return run_jobs("backtest", jobs, log=log, work=work)
