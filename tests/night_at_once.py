"""One night, run in a process of its own at the same time as others; trainings take no time, so that nights meet."""

from datetime import UTC, datetime
from typing import ClassVar, Literal

import numpy as np
from inline import walk_night
from tiny_model import ENTRY, TinyModel, TinySpec

from stockrnn.market.calendars import calendar_at
from stockrnn.models.registry import KINDS
from stockrnn.settings import Settings
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store
from stockrnn.store.schema import METADATA

# what takes longest of a first night: a process that was forked from this one has it
calendar_at("XNYS", datetime(2011, 3, 1, tzinfo=UTC))

TIMES = {
    "as_of", "created_at", "decided_at", "detected_at", "issued_at", "known_at", "observed_at", "recorded_at",
    "scored_at", "trained_at", "train_seconds", "updated_at",
}  # fmt: skip
LEDGER = sorted(set(METADATA.tables) - {"runs"})

TICKERS = ("SIM-A", "SIM-B", "SIM-FAT")


class SharedTinySpec(TinySpec):
    """The tiny model, one for all tickers, due each night."""

    scope: ClassVar[Literal["ticker", "market"]] = "market"

    kind: Literal["shared_tiny"] = "shared_tiny"
    every: str = "night"

    def fit(self, bars, *, target, seed, parent=None, member=None, on_epoch=None):
        changes = np.concatenate([np.diff(known[target].to_numpy(dtype=np.float64)) for known in bars.values()])
        return TinyModel(float(changes.mean()), self.lookback, len(changes), float(np.mean(changes**2)))


ENTRIES = {"tiny": ENTRY, "shared_tiny": "night_at_once:SharedTinySpec"}
"""What the registry of kinds knows them by."""
SPECS = {"tiny": TinySpec(), "shared": SharedTinySpec()}


def run_night(settings: Settings, as_of: datetime, start=None) -> None:
    """Run every step of a night but the pictures, from the moment that all others are ready."""
    KINDS.update(ENTRIES)
    settings = settings.model_copy(update={"specs": SPECS})
    engine = open_store(settings)
    if start is not None:
        start.wait(60)
    night = walk_night(settings, engine, as_of, TICKERS, specs=tuple(SPECS), pictures=False)
    assert night.failed == (), night.failures
    engine.dispose()


def read_ledger(engine):
    """Every row of every table but the runs, by its key, without its times."""
    with reading(engine) as connection:
        return {
            name: [
                {key: value for key, value in row.items() if key not in TIMES}
                for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()
            ]
            for name in LEDGER
            for table in [METADATA.tables[name]]
        }
