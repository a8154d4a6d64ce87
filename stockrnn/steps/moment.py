"""When a run is: its moment, for real tickers by the clock and for simulated ones by the simulated market's time."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine

from stockrnn.settings import Settings
from stockrnn.steps.run import Run
from stockrnn.store.engine import reading
from stockrnn.store.forecasts import read_clock
from stockrnn.store.instruments import read_simulated_time
from stockrnn.store.order import read_latest_moment
from stockrnn.store.prices import is_simulated

LOG = logging.getLogger("stockrnn")

_MAX_SKEW = timedelta(minutes=1)
"""By how much the clocks of several machines may differ."""


def start_run(
    settings: Settings, engine: Engine, *, as_of: datetime | None, now: datetime, simulated: bool = False
) -> Run:
    """Return a run, and warn where the clock can't be right.

    Parameters
    ----------
    as_of
        Its moment; None: now, and for simulated tickers the time that the simulated market has reached.
    now
        What the clock says.
    simulated
        It brings simulated prices: the simulated market then reaches the run's moment.
    """
    with reading(engine) as connection:
        reached = read_simulated_time(connection)
        latest, database = read_latest_moment(connection), read_clock(connection)
    for warning in _doubt_clock(now, latest=latest, database=database):
        LOG.warning("%s", warning)
    if as_of is None and simulated:
        as_of = max(now, reached or now)
    return Run(
        settings=settings,
        engine=engine,
        as_of=as_of or now,
        now=now,
        simulated_as_of=None if as_of else reached,
    )


def are_simulated(engine: Engine, tickers: Sequence[str]) -> bool:
    """Whether all of the tickers are of the simulated market, whose time may be ahead of the clock."""
    with reading(engine) as connection:
        return all(is_simulated(connection, ticker) for ticker in tickers)


def _doubt_clock(now: datetime, *, latest: datetime | None, database: datetime) -> Iterator[str]:
    """Say why the clock can't be right."""
    if latest is not None and latest - now > _MAX_SKEW:
        yield (
            f"the clock went backwards: it says {now:%Y-%m-%d %H:%M} UTC, an earlier run wrote at "
            f"{latest:%Y-%m-%d %H:%M} UTC; set the clock of this machine. What is written now still counts after it"
        )
    if abs(database - now) > _MAX_SKEW:
        yield (
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, that of the database {database:%Y-%m-%d %H:%M} UTC; set them: "
            "they decide what is live"
        )
