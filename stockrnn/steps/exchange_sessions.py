"""Sessions and closures that a calendar does not know and several tickers of its exchange show: they are believed."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from stockrnn.errors import StockrnnError
from stockrnn.market.calendars import Calendar
from stockrnn.steps.exchange import load_exchange
from stockrnn.steps.failures import join_tickers
from stockrnn.steps.run import Run
from stockrnn.store.calendar_changes import (
    CalendarChange,
    read_changes,
    read_exchange,
    read_first_common_session,
    read_offered_off_calendar,
    read_quarantined_sessions,
    read_sessions_of_any,
    resolve_missing,
    withdraw_change,
    write_changes,
)
from stockrnn.store.engine import reading, writing
from stockrnn.store.instruments import read_calendar_name

_SEVERAL = 2
"""One ticker alone proves nothing: its bar may be wrong, or missing."""
_SESSIONS = 60
"""How far back an open issue is asked for again."""
_OHLC = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """What was learned of the exchanges in this run.

    Attributes
    ----------
    again
        Tickers whose bars of days that are sessions now are to be asked for again.
    words
        What is to be said, one line each.
    """

    again: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """What the store knows of an exchange.

    Attributes
    ----------
    asked
        Its active real tickers, each with its last session and when a source last answered for it.
    since
        From here on every one of them has bars.
    """

    calendar: Calendar
    asked: Mapping[str, tuple[date, datetime]]
    last: date
    since: date


def believe_source(run: Run, tickers: Sequence[str]) -> Believed:
    """Look at what was stored of the tickers' exchanges, and store what it tells of their sessions.

    To be done after the prices of all tickers were updated.
    """
    if run.as_of < run.now:  # the past was looked at in its time
        return Believed()
    with reading(run.engine) as connection:
        names = dict.fromkeys(name for one in tickers if (name := read_calendar_name(connection, one)))
        found = {name: _look_at(connection, run, name) for name in names}
    believed = [_believe(run, exchange) for exchange in found.values() if exchange]
    again = tuple(ticker for one in believed for ticker in one.again)
    words = tuple(line for one in believed for line in one.words)
    for exchange in found.values():
        for ticker in exchange.asked if exchange and words else ():
            run.forget(ticker)
    return Believed(again=again, words=words)


def _look_at(connection: Connection, run: Run, name: str) -> _Exchange | None:
    asked = read_exchange(connection, name)
    if len(asked) < _SEVERAL:
        return None
    try:
        calendar = load_exchange(run.settings, name, as_of=run.as_of)
    except StockrnnError:  # said of each of its tickers
        return None
    last = calendar.last_settled(run.as_of, settle_hours=run.settings.settle_hours)
    first = read_first_common_session(connection, list(asked)) or last
    since = max(calendar.session_offset(last, -_SESSIONS), first, calendar.known_from)
    return _Exchange(calendar=calendar, asked=asked, last=last, since=since)


def _believe(run: Run, exchange: _Exchange) -> Believed:
    name, tickers = exchange.calendar.name, list(exchange.asked)
    with reading(run.engine) as connection:
        known = {change.session: change for change in read_changes(connection, name)}
        shown = read_sessions_of_any(connection, tickers, since=exchange.since)
        shown |= read_quarantined_sessions(connection, tickers, since=exchange.since)
        offered = read_offered_off_calendar(connection, tickers, since=exchange.since)
    sessions = {day: bars for day, bars in offered.items() if _are_bars(bars) and day not in known}
    closures = list(_find_closures(run, exchange, shown))
    new = [one for one in closures if _is_news(one, known.get(one.session))]
    made = [_make_session(run, name, day, len(bars)) for day, bars in sessions.items()]
    gone = [day for day, change in known.items() if change.kind == "closure" and day in shown]
    if new or made or gone:
        with writing(run.engine) as connection:
            for day in gone:
                withdraw_change(connection, name, day)
            write_changes(connection, [*made, *new])
            for one in new:
                resolve_missing(connection, tickers, [one.session], at=one.believed_at)
    again = [ticker for bars in sessions.values() for ticker, _ in bars]
    withdrawn = [f"{day} was a session of {name} after all: its bars have come" for day in gone]
    return Believed(again=tuple(dict.fromkeys(again)), words=(*(one.detail for one in (*made, *new)), *withdrawn))


def _is_news(change: CalendarChange, known: CalendarChange | None) -> bool:
    return known is None or (change.confirmed and not known.confirmed)


def _are_bars(bars: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
    """Whether several tickers were traded: prices above zero and some volume."""
    traded = [raw for _, raw in bars if all((raw.get(name) or 0) > 0 for name in (*_OHLC, "volume"))]
    return len(traded) >= _SEVERAL and all(math.isfinite(raw["close"]) for raw in traded)


def _make_session(run: Run, name: str, day: date, count: int) -> CalendarChange:
    return CalendarChange(
        calendar=name,
        session=day,
        kind="session",
        tickers=count,
        confirmed=True,
        detail=f"{name} has no session on {day:%A} {day}, but {count} of its tickers were traded: taken as a session",
        believed_at=run.now,
    )


def _find_closures(run: Run, exchange: _Exchange, shown: set[date]) -> Iterator[CalendarChange]:
    """Yield the sessions of which none of the tickers has a bar, though a source was asked since they settled."""
    calendar, settling = exchange.calendar, timedelta(hours=run.settings.settle_hours)
    for moment in calendar.known_sessions(exchange.since, exchange.last):
        day = moment.date()
        if day in shown:
            continue
        settled_at = calendar.closes_at(day) + settling
        answered = sum(at >= settled_at for _, at in exchange.asked.values())
        later = [ticker for ticker, (last, _) in exchange.asked.items() if last > day]
        confirmed = len(later) >= _SEVERAL
        # one that has no data at all, or was not asked, says nothing of the day
        enough = answered >= max(_SEVERAL, len(exchange.asked) / 2)
        if confirmed or (day == exchange.last and enough):
            yield _make_closure(run, exchange, day, confirmed=confirmed)


def _make_closure(run: Run, exchange: _Exchange, day: date, *, confirmed: bool) -> CalendarChange:
    tickers = list(exchange.asked)
    until = "" if confirmed else " until one comes"
    return CalendarChange(
        calendar=exchange.calendar.name,
        session=day,
        kind="closure",
        tickers=len(tickers),
        confirmed=confirmed,
        detail=f"no bar of {day} for any of the {len(tickers)} tickers of {exchange.calendar.name} "
        f"({join_tickers(tickers, max_named=3)}): taken as a closure{until}",
        believed_at=run.now,
    )
