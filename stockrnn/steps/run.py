"""What steps work on: a run, and within it one ticker and one spec, with the prices known at its moment."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd
from sqlalchemy import Connection, Engine

from stockrnn.errors import (
    MissingTargetError,
    NotEnoughHistoryError,
    StalePricesError,
    UnknownSpecError,
    UnknownTickerError,
)
from stockrnn.market.calendars import Calendar
from stockrnn.market.live import live_until
from stockrnn.market.symbols import find_calendar_name
from stockrnn.models.registry import read_specs
from stockrnn.models.spec import Spec
from stockrnn.settings import Settings
from stockrnn.steps.exchange import load_exchange
from stockrnn.store.calendar_changes import read_changes
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_calendar_name, read_instrument, read_simulated_time
from stockrnn.store.prices import PriceState, is_simulated, read_bars, read_price_state
from stockrnn.store.quarantined import describe_quarantined, read_quarantined
from stockrnn.types import Scope, Target

T = TypeVar("T")


def find_calendar(
    connection: Connection, settings: Settings, ticker: str, *, as_of: datetime, confirmed_only: bool = False
) -> Calendar:
    """Return the ticker's calendar: the one of the settings, else the stored one, else by its symbol.

    With the closures and sessions that the source showed, or only those of which it is sure.

    Raises
    ------
    UnknownCalendarError, BrokenCalendarError
    """
    stored = read_calendar_name(connection, ticker)
    name = find_calendar_name(ticker, named=settings.calendars, stored=stored)
    believed = [one for one in read_changes(connection, name) if one.confirmed or not confirmed_only]
    return load_exchange(settings, name, as_of=as_of, believed=believed)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The prices of a ticker up to its cutoff.

    Attributes
    ----------
    bars
        Index `session`, columns `BAR_COLUMNS`; the last row is the cutoff's.
    state
        Of all stored prices, as these were read.
    as_of, clock
        The run's moment for this ticker, and the ticker's own time: that of the clock, or of the simulated market.
    settle_hours
        How long after a session's close its bar is final.
    sessions_behind
        Sessions later than the cutoff whose bars should be there at `as_of`: 0 when up to date.
    simulated
        The prices come from the simulated market, whose time is simulated too.
    """

    ticker: str
    bars: pd.DataFrame
    state: PriceState
    as_of: datetime
    clock: datetime
    calendar: Calendar
    currency: str | None
    settle_hours: float
    sessions_behind: int
    simulated: bool

    @property
    def cutoff(self) -> date:
        """The last session that a model or a forecast may know."""
        return pd.Timestamp(self.bars.index[-1]).date()

    @property
    def decided_before(self) -> datetime | None:
        """Which decisions on models a run of the past looks at: those before the close that it does not know yet.

        None for a run of the present, which has seen all that had closed by the ticker's own time: it looks at all,
        also at those that are dated later, since a clock went backwards or another run is a second ahead.
        """
        last = self.calendar.last_closed(self.as_of)
        if self.calendar.last_closed(self.clock) == last:
            return None
        return self.calendar.closes_at(self.calendar.next_session(last))

    def live_until(self, target: Target, *, cutoff: date) -> datetime:
        """Return the moment before which a forecast from `cutoff` counts as live; see `market.live`."""
        session = self.calendar.next_session(cutoff)
        settle_hours = self.settle_hours
        return live_until(self.calendar, cutoff=cutoff, session=session, target=target, settle_hours=settle_hours)

    def values(self, target: Target) -> pd.Series:
        """Return the target's values, index `session`, no NaN; `MissingTargetError` where some are missing."""
        column = self.bars[target]
        if column.isna().any():
            raise MissingTargetError(self.ticker, target, int(column.isna().sum()))
        return column

    def sessions_since(self, session: date) -> int:
        """Return how many stored sessions are later than `session`."""
        return int((self.bars.index > pd.Timestamp(session)).sum())


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run over any number of tickers.

    Attributes
    ----------
    as_of
        The run's moment: nothing that closed later is looked at.
    now
        What the clock says; decides whether a forecast is live.
    simulated_as_of
        The run's moment for simulated tickers; None: `as_of` for them too.
    """

    settings: Settings
    engine: Engine
    as_of: datetime
    now: datetime
    simulated_as_of: datetime | None = None
    _histories: dict[str, History] = field(default_factory=dict, init=False, compare=False, repr=False)
    _remembered: dict[Hashable, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @cached_property
    def specs(self) -> dict[str, Spec]:
        """The specs of the settings by their names."""
        return read_specs(self.settings)

    def job(self, ticker: str, spec_name: str | None = None) -> "Job":
        """Return the part of the run that is one ticker and spec, by default the spec of the settings."""
        return Job(run=self, ticker=ticker, spec_name=spec_name or self.settings.spec)

    def jobs(self, tickers: Sequence[str], specs: Sequence[str]) -> list["Job"]:
        """Return a job for each ticker and spec, those of one ticker together."""
        return [self.job(ticker, spec) for ticker in tickers for spec in specs]

    def calendar(self, ticker: str) -> Calendar:
        """Return the ticker's calendar; see `find_calendar`."""
        with reading(self.engine) as connection:
            return find_calendar(connection, self.settings, ticker, as_of=self.moment_of(ticker))

    def moment(self, *, simulated: bool) -> datetime:
        """Return the run's moment for real tickers or for simulated ones."""
        return self.simulated_as_of or self.as_of if simulated else self.as_of

    def moment_of(self, ticker: str) -> datetime:
        """Return the run's moment for a ticker."""
        if self.simulated_as_of is None:
            return self.as_of
        with reading(self.engine) as connection:
            return self.moment(simulated=is_simulated(connection, ticker))

    def history(self, ticker: str) -> History:
        """Return what is known of a ticker at `as_of`; it is read once, until `forget` says that prices were written.

        Raises
        ------
        UnknownTickerError
            No price is stored.
        NotEnoughHistoryError
            None is stored of a session that had closed at `as_of`.
        """
        if ticker not in self._histories:
            self._histories[ticker] = self._read_history(ticker)
        return self._histories[ticker]

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` gave for this key when it was first asked for; what many tickers share is made once."""
        if key not in self._remembered:
            self._remembered[key] = make()
        made: T = self._remembered[key]
        return made

    def forget(self, ticker: str) -> None:
        """Read a ticker's history again when it is next asked for: its prices were written."""
        self._histories.pop(ticker, None)

    def _read_history(self, ticker: str) -> History:
        with reading(self.engine) as connection:
            instrument = read_instrument(connection, ticker)
            bars, state = read_bars(connection, ticker), read_price_state(connection, ticker)
            simulated = is_simulated(connection, ticker)
            seen = read_simulated_time(connection) if simulated else None
        if bars.empty:
            raise UnknownTickerError(ticker)
        calendar, as_of = self.calendar(ticker), self.moment(simulated=simulated)
        last_closed = calendar.last_closed(as_of)
        known = bars.loc[: pd.Timestamp(last_closed)]
        if known.empty:
            raise NotEnoughHistoryError(ticker, found=0, needed=1, through=last_closed)
        # the simulated market has its figures at the close
        settle_hours = 0.0 if simulated else self.settings.settle_hours
        settled = calendar.last_settled(as_of, settle_hours=settle_hours)
        behind = calendar.known_sessions(pd.Timestamp(known.index[-1]).date() + timedelta(days=1), settled)
        return History(
            ticker=ticker,
            bars=known,
            state=state,
            as_of=as_of,
            # an earlier moment than the simulated market has reached is the past there, as it is of real ones
            clock=max(as_of, seen or as_of) if simulated else self.now,
            calendar=calendar,
            currency=instrument.currency if instrument else None,
            settle_hours=settle_hours,
            sessions_behind=len(behind),
            simulated=simulated,
        )


@dataclass(frozen=True, kw_only=True)
class Job:
    """One ticker's and one spec's part of a run."""

    run: Run
    ticker: str
    spec_name: str

    @property
    def settings(self) -> Settings:
        """The run's settings."""
        return self.run.settings

    @property
    def engine(self) -> Engine:
        """The run's database."""
        return self.run.engine

    @property
    def as_of(self) -> datetime:
        """The run's moment for this ticker."""
        return self.run.moment_of(self.ticker)

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return self.run.now

    @property
    def target(self) -> Target:
        """The price column that is forecast."""
        return self.settings.target

    @property
    def spec(self) -> Spec:
        """The configuration of the model; `UnknownSpecError` if there is none of that name."""
        specs = self.run.specs
        if self.spec_name not in specs:
            raise UnknownSpecError(self.spec_name, list(specs))
        return specs[self.spec_name]

    @property
    def history(self) -> History:
        """What is known of the ticker at `as_of`; raises what `Run.history` raises."""
        return self.run.history(self.ticker)

    @property
    def clock(self) -> datetime:
        """The ticker's own time: that of the clock, or of the simulated market."""
        return self.history.clock

    @property
    def scope(self) -> Scope:
        """What the job's model serves."""
        return Scope(
            spec=self.spec_name,
            target=self.target,
            ticker=self.ticker if self.spec.scope == "ticker" else None,
            market="simulated" if self.history.simulated else "real",
        )

    def require_fresh(self) -> None:
        """Refuse prices that end before the last settled session: a forecast from them would come too late.

        Raises
        ------
        StalePricesError, UnknownTickerError, NotEnoughHistoryError
        """
        behind = self.history.sessions_behind
        if behind:
            with reading(self.engine) as connection:
                words = describe_quarantined(read_quarantined(connection, self.ticker))
            raise StalePricesError(self.ticker, last_session=self.history.cutoff, behind=behind, quarantined=words)
