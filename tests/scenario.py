"""What several test folders share: a small spec that trains in a moment, and evenings after New York's close."""

from datetime import UTC, datetime

from stockrnn.models.price import PriceSpec
from stockrnn.models.quantile import QuantileSpec

SMALL = PriceSpec(
    lookback=5,
    layers=1,
    units=4,
    epochs=2,
    batch_size=64,
    train_sessions=200,
    every="week",
    mode="full",
    trial_sessions=10,
)

SMALL_QUANTILE = QuantileSpec(
    lookback=10, layers=1, units=4, learning_rate=0.01, members=2, epochs=3, train_sessions=1000, max_windows=2000,
    trial_sessions=20, validation_sessions=60,
)  # fmt: skip


def evening(year: int, month: int, day: int) -> datetime:
    """Ten in the evening, UTC."""
    return datetime(year, month, day, 22, tzinfo=UTC)


FRIDAY_EVENING = evening(2012, 3, 30)

SMALL_TOML = """\
spec = "tutorial"
[specs.tutorial]
lookback = 5
layers = 1
units = 4
epochs = 2
train_sessions = 200
every = "week"
mode = "full"
[specs.quantile]
nightly = false
layers = 1
units = 4
epochs = 2
members = 2
"""
"""Settings of a folder whose nights train the tutorial's spec alone, in a moment; the other is as small."""
