"""Drop what nobody needs any more."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.batch import explaining, logged, make_run, opened_store
from stockrnn.settings import load_settings
from stockrnn.steps.prune import prune_models
from stockrnn.store.engine import compact


@flow(name="prune", flow_run_name="prune", persist_result=False)
@explaining
def prune() -> State:
    """Drop the weights of retired models that neither a forecast nor a replay within `keep_days` needs."""
    settings = load_settings()
    with opened_store(settings) as engine:
        run = make_run(settings, engine)
        with logged(run, {"keep_days": settings.keep_days}):
            pruned = prune_models(engine, keep_days=settings.keep_days, now=run.now)
            if pruned.models:
                compact(engine)
    return Completed(message=f"{pruned.freed / 1e6:.1f} MB freed: weights of {pruned.models} of {pruned.of} models")
