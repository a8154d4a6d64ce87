"""One night, run in a process that a test may kill."""

from datetime import datetime

from inline import walk_night

from stockrnn.models.price import PriceSpec
from stockrnn.settings import Settings
from stockrnn.store.migrate import open_store

TICKERS = ("SIM-A", "SIM-B")
SPEC = PriceSpec(lookback=5, layers=1, units=4, epochs=2, batch_size=64, train_sessions=100, every=3)


def run_night(settings: Settings, as_of: datetime) -> None:
    """Run every step of a night, in its order."""
    settings = settings.model_copy(update={"specs": {"tutorial": SPEC}})
    night = walk_night(settings, open_store(settings), as_of, TICKERS, specs=("tutorial",), pictures=False)
    assert night.failed == ()
