"""Drop what nobody needs any more."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from stockrnn.pipeline.prune import prune_models
from stockrnn.settings import load_settings
from stockrnn.store.engine import compact
from stockrnn.store.migrate import open_store


@flow(name="prune", persist_result=False)
def prune() -> State:
    """Drop the weights of retired models that neither a forecast nor a replay within `keep_days` needs."""
    settings = load_settings()
    engine = open_store(settings)
    pruned = prune_models(engine, keep_days=settings.keep_days, wall=datetime.now(UTC))
    if pruned.models:
        compact(engine)
    return Completed(message=f"{pruned.freed / 1e6:.1f} MB freed: weights of {pruned.models} of {pruned.of} models")
