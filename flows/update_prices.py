"""Update prices, apart from the night."""

import logging

from prefect import flow
from prefect.client.schemas.objects import State

from flows.batch import explaining, logged, make_run, name_run, opened_store, run_jobs
from stockrnn.progress import current_progress
from stockrnn.settings import load_settings
from stockrnn.sources.registry import choose_source
from stockrnn.steps import feed as step
from stockrnn.steps.exchange_sessions import believe_source
from stockrnn.steps.run import Job
from stockrnn.steps.tickers import choose_tickers
from stockrnn.types import Ticker

LOG = logging.getLogger("stockrnn")


@flow(name="update-prices", flow_run_name=name_run, persist_result=False)
@explaining
def update_prices(tickers: list[Ticker] | None = None) -> State:
    """Download what is missing, and once more the last ten sessions.

    Args:
        tickers: Yahoo symbols; none means those of stockrnn.toml, else all active ones in the store.
    """
    settings = load_settings()
    source = choose_source(settings)
    with opened_store(settings) as engine:
        run = make_run(settings, engine)
        chosen = choose_tickers(settings, engine, tickers, source)
        jobs = run.jobs(chosen, [settings.spec])
        with logged(run, {"tickers": chosen}) as log, step.open_feed(settings, source) as feed:

            def work(job: Job) -> None:
                current_progress().step(job.ticker, f"prices: {step.update_prices(job, feed)}")

            def look_at_exchanges() -> list[Job]:
                believed = believe_source(run, chosen)
                for line in believed.words:
                    LOG.warning("%s", line)
                return run.jobs(believed.again, [settings.spec])

            return run_jobs("update prices", jobs, log=log, work=work, then=look_at_exchanges)
