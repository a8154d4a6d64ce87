"""Update prices, apart from the night."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State

from flows import tasks
from flows.batch import explaining, make_jobs, name_run, opened_store, run_jobs
from stockrnn.settings import load_settings
from stockrnn.sources.registry import DEFAULT_SOURCE, get_source
from stockrnn.steps.feed import open_feed
from stockrnn.steps.tickers import choose_tickers
from stockrnn.types import Ticker


@flow(name="update-prices", flow_run_name=name_run, persist_result=False)
@explaining
def update_prices(tickers: list[Ticker] | None = None) -> State:
    """Download what is missing, and once more the last ten sessions.

    Args:
        tickers: Yahoo symbols; none means those of stockrnn.toml, else all active ones in the store.
    """
    settings, source = load_settings(), get_source(DEFAULT_SOURCE)
    with opened_store(settings) as engine, open_feed(settings, source) as feed:
        chosen = choose_tickers(settings, engine, tickers, source)
        return run_jobs(
            "update-prices",
            make_jobs(settings, engine, chosen, [settings.spec], now=datetime.now(UTC)),
            parameters={"tickers": chosen},
            work=lambda job: tasks.update(job, feed),
        )
