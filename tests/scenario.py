"""What several test folders share: a small spec that trains in a moment, and evenings after New York's close."""

from datetime import UTC, datetime

from stockrnn.settings import Spec

SMALL = Spec(lookback=5, layers=1, units=4, epochs=2, batch_size=64, train_sessions=200, every="week")


def evening(year: int, month: int, day: int) -> datetime:
    """Ten in the evening, UTC."""
    return datetime(year, month, day, 22, tzinfo=UTC)


FRIDAY_EVENING = evening(2012, 3, 30)
