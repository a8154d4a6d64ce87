"""How the batch is doing: freshness, last run, next session, missed nights, the live record in words."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from stockrnn.errors import BrokenCalendarError, UnknownCalendarError
from stockrnn.evaluation.standings import compare_with_benchmarks
from stockrnn.evaluation.verdicts import Verdict
from stockrnn.market.calendars import Calendar
from stockrnn.market.live import can_be_live
from stockrnn.settings import Settings
from stockrnn.steps.exchange import explain_ends
from stockrnn.steps.liveness import LATE_NIGHTS, describe_late
from stockrnn.steps.model_monitoring import monitor_models
from stockrnn.steps.price_problems import describe_inactive, describe_possible_splits, describe_unusable
from stockrnn.steps.run import find_calendar
from stockrnn.steps.run_history import RunHistory, read_run_history
from stockrnn.store.engine import reading
from stockrnn.store.forecasts import are_late, read_last_cutoff
from stockrnn.store.instruments import read_inactive_tickers, read_simulated_time, read_span, read_tickers
from stockrnn.store.record import read_live_record

LIVE_SESSIONS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerStatus:
    """One ticker's state.

    Attributes
    ----------
    last_session, last_cutoff
        The last stored session, and the last one that a forecast was issued from; None where there is none.
    next_session
        The first session that had not opened at `as_of`; None where its calendar is not known.
    missed
        Sessions that closed longer ago than the grace period and that no forecast was issued from.
    live
        What the settings' spec proved live in its last `LIVE_SESSIONS` scored sessions.
    problem
        Why its calendar can't tell, and what to do; None where it can.
    assumed
        The next session is assumed by the weekday: the calendar ends before.
    late
        Its forecasts of late were all hindcasts, though they could have been live.
    """

    ticker: str
    last_session: date | None
    last_cutoff: date | None
    next_session: date | None
    missed: int
    live: Verdict
    problem: str | None = None
    late: bool = False
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of the whole batch.

    Attributes
    ----------
    unusable
        Which tickers are behind because their newest bars were quarantined, and why.
    warnings
        What is to be said of prices, of tickers that are left out and of the models in use; it needs no one at once.
    """

    runs: RunHistory
    tickers: tuple[TickerStatus, ...]
    unusable: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What someone should look at, in words; empty when all is well."""
        problems = list(self.runs.problems)
        problems += [ticker.problem for ticker in self.tickers if ticker.problem]
        late = [ticker.ticker for ticker in self.tickers if ticker.late]
        problems += [f"the last {LATE_NIGHTS} nights gave no live forecast: {describe_late(late)}"] if late else []
        problems += self.unusable
        problems += [_describe_missed(ticker) for ticker in self.tickers if ticker.missed]
        return tuple(problems)


def read_status(settings: Settings, engine: Engine, *, now: datetime) -> Status:
    """Look at the store as it is at `now`.

    Real tickers are judged by the clock; simulated ones by the time that the simulated market has reached.
    """
    with reading(engine) as connection:
        runs = read_run_history(connection, now=now)
        simulated_now = read_simulated_time(connection) or now
        real = settings.tickers or read_tickers(connection, simulated=False)
        invented = read_tickers(connection, simulated=True)
        left_out = {*invented, *read_inactive_tickers(connection)}
        tickers = [
            *_look_at(connection, settings, [ticker for ticker in real if ticker not in left_out], now),
            *(
                replace(one, late=False)  # whoever simulates the past gets hindcasts
                for one in _look_at(connection, settings, invented, simulated_now)
            ),
        ]
        unusable = tuple(describe_unusable(connection, settings, real, now=now))
        ends = _explain_ends(connection, settings, [one.ticker for one in tickers if one.ticker not in invented], now)
        warnings = (*ends, *describe_possible_splits(connection), *describe_inactive(connection))
    warnings += monitor_models(settings, engine, as_of=now, simulated=False)
    if invented:
        warnings += monitor_models(settings, engine, as_of=simulated_now, simulated=True)
    return Status(runs=runs, tickers=tuple(tickers), unusable=unusable, warnings=warnings)


def _look_at(connection: Connection, settings: Settings, tickers: Sequence[str], now: datetime) -> list[TickerStatus]:
    grace = timedelta(hours=settings.missed_after_hours)
    return [_look_at_one(connection, settings, ticker, now=now, due=now - grace) for ticker in tickers]


def _look_at_one(
    connection: Connection, settings: Settings, ticker: str, *, now: datetime, due: datetime
) -> TickerStatus:
    last_cutoff = read_last_cutoff(connection, ticker)
    key: dict[str, Any] = {"ticker": ticker, "target": settings.target, "spec": settings.spec}
    record = read_live_record(connection, **key, through=now.date(), newest=LIVE_SESSIONS)
    known: dict[str, Any] = {
        "ticker": ticker,
        "last_session": read_span(connection, ticker)[1],
        "last_cutoff": last_cutoff,
        "live": compare_with_benchmarks(record.errors, target=settings.target),
    }
    try:
        calendar = find_calendar(connection, settings, ticker, as_of=now)
    except (UnknownCalendarError, BrokenCalendarError) as error:
        return TickerStatus(**known, next_session=None, missed=0, problem=str(error))
    missed = _count_missed(calendar, last_cutoff, due) if last_cutoff else 1
    late = can_be_live(calendar, settings.target) and are_late(
        connection, ticker=ticker, target=settings.target, nights=LATE_NIGHTS
    )
    session = calendar.next_to_open(now)
    return TickerStatus(**known, next_session=session, missed=missed, late=late, assumed=calendar.is_assumed(session))


def _count_missed(calendar: Calendar, last_cutoff: date, due: datetime) -> int:
    return len(calendar.known_sessions(last_cutoff + timedelta(days=1), calendar.last_closed(due)))


def _explain_ends(
    connection: Connection, settings: Settings, tickers: Sequence[str], now: datetime
) -> tuple[str, ...]:
    found = []
    for ticker in tickers:
        with suppress(UnknownCalendarError, BrokenCalendarError):
            found.append((ticker, find_calendar(connection, settings, ticker, as_of=now)))
    return explain_ends(found, now=now)


def _describe_missed(ticker: TickerStatus) -> str:
    if ticker.last_cutoff is None:
        return f"{ticker.ticker}: no forecast was ever issued; run 'stockrnn nightly'"
    return (
        f"{ticker.ticker}: {ticker.missed} sessions passed without a forecast since {ticker.last_cutoff}; "
        "run 'stockrnn nightly'"
    )
