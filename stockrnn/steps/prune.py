"""Drop the weights of models that nobody needs any more; everything else stays for good."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from stockrnn.store.engine import reading, writing
from stockrnn.store.models import prune_weights, read_needed_models, read_weight_sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How many models lost their weights, of how many that had some, and the bytes that takes off the database."""

    models: int
    of: int
    freed: int


def prune_models(engine: Engine, *, keep_days: int, now: datetime, dry_run: bool = False) -> Pruned:
    """Drop weights that are needed neither for forecasts nor for a replay of the last `keep_days`.

    Needed are the models in use, those that were decided on or trained within the span, and those that a forecast
    issued within it was made with.
    """
    since = now - timedelta(days=keep_days)
    look = reading if dry_run else writing  # nobody may take one into use while it loses its weights
    with look(engine) as connection:
        sizes = read_weight_sizes(connection)
        gone = sorted(set(sizes) - read_needed_models(connection, since=since))
        if gone and not dry_run:
            prune_weights(connection, gone)
    return Pruned(models=len(gone), of=len(sizes), freed=sum(sizes[name] for name in gone))
