"""What a step works on: one ticker, one spec, one moment, and the prices known at it."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from stockrnn.errors import MissingTargetError, NotEnoughHistoryError, StalePricesError, UnknownTickerError
from stockrnn.market.calendars import Calendar, calendar_at
from stockrnn.market.symbols import find_calendar_name
from stockrnn.models.spec import PriceSpec, QuantileSpec
from stockrnn.settings import Settings
from stockrnn.store.engine import make_engine, reading
from stockrnn.store.instruments import Instrument, read_instrument
from stockrnn.store.prices import is_simulated, read_bars
from stockrnn.types import Target


@dataclass(frozen=True, kw_only=True)
class Job:
    """One ticker's part of a run.

    Attributes
    ----------
    as_of
        The run's "now": nothing that closed later is looked at.
    now
        What the clock says; decides whether a forecast is live.
    """

    settings: Settings
    engine: Engine
    ticker: str
    spec_name: str
    as_of: datetime
    now: datetime

    def __getstate__(self) -> dict[str, Any]:
        """Leave the connections behind: another process opens its own."""
        return {name: value for name, value in self.__dict__.items() if name != "engine"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, engine=make_engine(state["settings"]))

    @property
    def target(self) -> Target:
        """The price column that is forecast."""
        return self.settings.target

    @cached_property
    def spec(self) -> PriceSpec | QuantileSpec:
        """The configuration of the model; `UnknownSpecError` if there is none of that name."""
        return self.settings.get_spec(self.spec_name)

    def find_calendar(self, stored: Instrument | None) -> Calendar:
        """Return the ticker's calendar, far enough ahead for `as_of`.

        Raises
        ------
        UnknownCalendarError
        """
        known = stored.calendar if stored else None
        return calendar_at(find_calendar_name(self.ticker, named=self.settings.calendars, stored=known), self.as_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The prices of a ticker up to its cutoff.

    Attributes
    ----------
    bars
        Index `session`, columns `BAR_COLUMNS`; the last row is the cutoff's.
    sessions_behind
        Sessions later than the cutoff whose bars should be there at `as_of`: 0 when up to date.
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

    def clock(self, job: Job) -> datetime:
        """Return the run's time: the now's, on the simulated market the simulated one."""
        return job.as_of if self.simulated else job.now

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
        instrument = read_instrument(connection, job.ticker)
        bars = read_bars(connection, job.ticker)
        simulated = is_simulated(connection, job.ticker)
    if bars.empty:
        raise UnknownTickerError(job.ticker)
    calendar = job.find_calendar(instrument)
    last_closed = calendar.last_closed(job.as_of)
    known = bars.loc[: pd.Timestamp(last_closed)]
    if known.empty:
        raise NotEnoughHistoryError(job.ticker, found=0, needed=1, through=last_closed)
    # the simulated market has its figures at the close
    settled = calendar.last_settled(job.as_of, settle_hours=0 if simulated else job.settings.settle_hours)
    behind = calendar.sessions(pd.Timestamp(known.index[-1]).date(), settled)
    return History(
        ticker=job.ticker,
        bars=known,
        calendar=calendar,
        currency=instrument.currency if instrument else None,
        sessions_behind=max(len(behind) - 1, 0),
        simulated=simulated,
    )


def require_fresh(job: Job) -> None:
    """Refuse prices that end before the last settled session: a forecast from them would come too late.

    Raises
    ------
    StalePricesError, UnknownTickerError, NotEnoughHistoryError
    """
    history = read_history(job)
    if history.sessions_behind:
        raise StalePricesError(job.ticker, last_session=history.cutoff, behind=history.sessions_behind)
