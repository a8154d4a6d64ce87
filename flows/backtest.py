"""Backtest a month: by default the calendar month that has just ended is the new January."""

from datetime import UTC, datetime
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows import tasks
from flows.batch import explaining, make_jobs, name_run, opened_store, run_jobs
from flows.trainers import backtesting, open_trainer
from stockrnn.settings import load_settings
from stockrnn.steps.tickers import choose_specs, choose_tickers
from stockrnn.types import Ticker, parse_month

Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


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
    month = parse_month(holdout) if holdout else None
    with opened_store(settings) as engine:
        chosen = choose_tickers(settings, engine, tickers)
        jobs = make_jobs(settings, engine, chosen, specs, now=datetime.now(UTC))
        with open_trainer(settings, jobs, [backtesting(month)]) as trainer:
            return run_jobs(
                "backtest",
                jobs,
                parameters={"tickers": chosen, "specs": list(specs), "holdout": holdout},
                work=lambda job: tasks.backtest(job, trainer, month=month),
            )
