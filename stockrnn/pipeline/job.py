"""What a step works on: one ticker, one spec, one moment, and the prices known at it."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import pandas as pd
from sqlalchemy import Engine

from stockrnn.calendars import Calendar, calendar_at, calendar_name
from stockrnn.errors import MissingTargetError, NotEnoughHistoryError, UnknownTickerError
from stockrnn.settings import Settings, Spec
from stockrnn.store.engine import reading
from stockrnn.store.prices import is_simulated, read_bars, read_calendar_name, read_currency
from stockrnn.types import Target


@dataclass(frozen=True, kw_only=True)
class Job:
    """One ticker's part of a run.

    Attributes
    ----------
    as_of
        The run's "now": nothing that closed later is looked at.
    wall
        What the clock on the wall says; decides whether a forecast is live.
    """

    settings: Settings
    engine: Engine
    ticker: str
    spec_name: str
    as_of: datetime
    wall: datetime

    @property
    def target(self) -> Target:
        """The price column that is forecast."""
        return self.settings.target

    @cached_property
    def spec(self) -> Spec:
        """The configuration of the model; `UnknownSpecError` if there is none of that name."""
        return self.settings.get_spec(self.spec_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The prices of a ticker up to its cutoff.

    Attributes
    ----------
    bars
        Index `session`, columns `BAR_COLUMNS`; the last row is the cutoff's.
    sessions_behind
        Sessions that had closed at `as_of` and are later than the cutoff: 0 when up to date.
    simulated
        The prices come from the simulated market, whose time is simulated too.
    """

    ticker: str
    bars: pd.DataFrame
    calendar: Calendar
    currency: str | None
    sessions_behind: int
    simulated: bool

    @property
    def cutoff(self) -> date:
        """The last session that a model or a forecast may know."""
        return pd.Timestamp(self.bars.index[-1]).date()

    def values(self, target: Target) -> pd.Series:
        """Return the target's values, index `session`, no NaN; `MissingTargetError` where some are missing."""
        column = self.bars[target]
        if column.isna().any():
            raise MissingTargetError(self.ticker, target, int(column.isna().sum()))
        return column

    def sessions_since(self, session: date) -> int:
        """Return how many stored sessions are later than `session`."""
        return int((self.bars.index > pd.Timestamp(session)).sum())


def read_history(job: Job) -> History:
    """Read what is known of the job's ticker at `as_of`.

    Raises
    ------
    UnknownTickerError
        No price is stored.
    NotEnoughHistoryError
        None is stored of a session that had closed at `as_of`.
    """
    with reading(job.engine) as connection:
        name = read_calendar_name(connection, job.ticker)
        bars = read_bars(connection, job.ticker)
        simulated = is_simulated(connection, job.ticker)
        currency = read_currency(connection, job.ticker)
    if bars.empty:
        raise UnknownTickerError(job.ticker)
    calendar = calendar_at(name or calendar_name(job.ticker), job.as_of)
    last_closed = calendar.last_closed(job.as_of)
    known = bars.loc[: pd.Timestamp(last_closed)]
    if known.empty:
        raise NotEnoughHistoryError(job.ticker, found=0, needed=1, through=last_closed)
    behind = calendar.sessions(pd.Timestamp(known.index[-1]).date(), last_closed)
    return History(
        ticker=job.ticker,
        bars=known,
        calendar=calendar,
        currency=currency,
        sessions_behind=max(len(behind) - 1, 0),
        simulated=simulated,
    )
