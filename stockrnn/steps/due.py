"""Which tickers are due: their last bar has settled, nothing was forecast from it yet, and it could still be live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from stockrnn.errors import StockrnnError
from stockrnn.market.calendars import Calendar
from stockrnn.market.live import can_be_live, live_until
from stockrnn.sources.source import Source
from stockrnn.steps.run import Run, find_calendar
from stockrnn.store.engine import reading
from stockrnn.store.forecasts import read_last_cutoffs
from stockrnn.store.prices import is_simulated
from stockrnn.store.runs import NightBegun, read_nights_begun

_LOOK_BACK = timedelta(days=10)
"""How long ago a session may have settled whose nights are still counted: longer than any holiday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is due at a run's moment.

    Attributes
    ----------
    tickers
        Those to work on, in the order they were asked for.
    next_at
        When the next bar of the others settles; None where no calendar tells.
    """

    tickers: tuple[str, ...]
    next_at: datetime | None

    @property
    def words(self) -> str:
        """Say in one line that nothing is due, and when something will be."""
        following = f"; the next bar settles at {self.next_at:%Y-%m-%d %H:%M} UTC" if self.next_at else ""
        return f"no ticker is due{following}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """The last settled session of a ticker, and until when a forecast from it is live."""

    day: date
    settled_at: datetime
    live_until: datetime
    can_be_live: bool
    next_settles_at: datetime


def find_due(run: Run, tickers: Sequence[str], specs: Sequence[str], *, source: Source) -> Due:
    """Return the tickers that are due.

    A ticker is due from the moment that its last session has settled until a forecast of the next one can't be live
    any more; where its target never can, or it was never forecast, also later. It is due no more once all specs
    have forecast, or a night without failure has. A night that failed is tried again after 1, 3, 7, ... hours: an
    outage passes, and what is broken for good doesn't fail every hour.
    """
    with reading(run.engine) as connection:
        cutoffs = read_last_cutoffs(connection, target=run.settings.target)
        nights = read_nights_begun(connection, since=run.as_of - _LOOK_BACK)
        asked = {ticker: _look_at(connection, run, ticker, source) for ticker in tickers}
    due = [
        ticker
        for ticker, (moment, session) in asked.items()
        if _is_due(moment, session, _cutoffs_of(cutoffs, ticker, specs), nights.get(ticker, ()))
    ]
    following = [session.next_settles_at for _, session in asked.values() if session]
    return Due(tickers=tuple(due), next_at=min(following, default=None))


def _look_at(connection: Connection, run: Run, ticker: str, source: Source) -> tuple[datetime, _Session | None]:
    """Return a ticker's moment and its last settled session; None for that where its calendar can't tell."""
    simulated = source.simulated or is_simulated(connection, ticker)
    moment = run.moment(simulated=simulated)
    try:
        calendar = find_calendar(connection, run.settings, ticker, as_of=moment, confirmed_only=True)
        return moment, _find_session(
            calendar, run, moment, settle_hours=0 if simulated else run.settings.settle_hours
        )
    except StockrnnError:  # the night says what is wrong with it
        return moment, None


def _find_session(calendar: Calendar, run: Run, moment: datetime, *, settle_hours: float) -> _Session:
    target, settling = run.settings.target, timedelta(hours=settle_hours)
    day = calendar.last_settled(moment, settle_hours=settle_hours)
    following = calendar.next_session(day)
    return _Session(
        day=day,
        settled_at=calendar.closes_at(day) + settling,
        live_until=live_until(calendar, cutoff=day, session=following, target=target, settle_hours=settle_hours),
        can_be_live=can_be_live(calendar, target),
        next_settles_at=calendar.closes_at(following) + settling,
    )


def _cutoffs_of(cutoffs: Mapping[tuple[str, str], date], ticker: str, specs: Sequence[str]) -> list[date | None]:
    return [cutoffs.get((ticker, spec)) for spec in specs]


def _is_due(
    moment: datetime, session: _Session | None, cutoffs: Sequence[date | None], nights: Sequence[NightBegun]
) -> bool:
    if session is None:
        return not any(night.as_of > moment - timedelta(days=1) for night in nights)
    since = [night for night in nights if session.settled_at <= night.as_of <= moment]
    done = [cutoff is not None and cutoff >= session.day for cutoff in cutoffs]
    if all(done) or (any(done) and any(night.went_well for night in since)):
        return False
    too_late = session.can_be_live and moment >= session.live_until and any(cutoffs)
    pause = timedelta(hours=2 ** len(since) - 1)
    return not too_late and moment >= session.settled_at + pause
