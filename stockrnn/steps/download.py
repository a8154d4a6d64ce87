"""One ticker's update from a source on the network: fetch, check, compare, and store all of it or nothing."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Connection

from stockrnn.errors import NoPriceDataError, WrongCalendarError
from stockrnn.market.bars import check_bars
from stockrnn.market.calendars import Calendar
from stockrnn.market.revisions import compare_bars
from stockrnn.steps.job import Job
from stockrnn.store.actions import differ, read_actions, write_actions
from stockrnn.store.engine import reading, writing
from stockrnn.store.instruments import (
    Instrument,
    lock_instrument,
    read_instrument,
    read_overlap_start,
    write_updated,
)
from stockrnn.store.prices import Written, read_bars, write_bars
from stockrnn.types import BAR_COLUMNS, Action, Bars, Download, PriceIssue, Span

YAHOO = "yahoo"
OVERLAP_SESSIONS = 10
_ISSUE_SESSIONS = 60
"""How far back an open issue makes a nightly update ask again."""
_MAX_CLOCK_GAP = timedelta(hours=2)
_NOTHING = Written(inserted=0, revised=0, quarantined=0)

Fetch = Callable[[str, Span, str], Download]
"""Fetches a ticker's sessions of a span; the third argument is the exchange's timezone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What an update is about.

    Attributes
    ----------
    whole
        The span is the whole history.
    forced
        The user asked for the whole history and takes it as it is.
    """

    job: Job
    calendar: Calendar
    span: Span
    whole: bool
    forced: bool = False


def update_ticker(job: Job, fetch: Fetch, *, full: bool = False) -> Written:
    """Bring the job's ticker up to date; nothing is written unless all of it is.

    Asks for the sessions missing and the last 10 stored ones, or for the whole history where nothing is stored, the
    source has restated the past, or `full` says so. A ticker that was updated since its last session settled and
    lacks nothing is not asked for again.

    Raises
    ------
    PriceSourceError, NoPriceDataError, MixedSourcesError, UnknownCalendarError, WrongCalendarError
    """
    with reading(job.engine) as connection:
        stored = read_instrument(connection, job.ticker)
        calendar = job.find_calendar(stored)
        last = calendar.last_settled(job.as_of, settle_hours=job.settings.settle_hours)
        first = read_overlap_start(
            connection,
            job.ticker,
            sessions=OVERLAP_SESSIONS,
            issues_since=calendar.session_offset(last, -_ISSUE_SESSIONS),
        )
    if not full and _is_done(job, calendar, stored, last):
        return _NOTHING
    whole = _Request(job=job, calendar=calendar, span=_whole_span(job, stored, last), whole=True, forced=full)
    if first is not None and not full:
        part = _Request(job=job, calendar=calendar, span=Span(min(first, last), last), whole=False)
        written = _store(part, _fetch(part, fetch))
        if written is not None:
            return written
    return _store(whole, _fetch(whole, fetch)) or _NOTHING


def _is_done(job: Job, calendar: Calendar, stored: Instrument | None, last: date) -> bool:
    """Whether the source was asked since the last session settled, and gave that session."""
    if stored is None or stored.updated_at is None or stored.last_session is None or stored.last_session < last:
        return False
    return calendar.last_settled(stored.updated_at, settle_hours=job.settings.settle_hours) >= last


def _whole_span(job: Job, stored: Instrument | None, last: date) -> Span:
    begins = [job.settings.history_from] + ([stored.first_session] if stored and stored.first_session else [])
    return Span(min(*begins, last), last)


def _fetch(request: _Request, fetch: Fetch) -> Download:
    job, calendar = request.job, request.calendar
    download = fetch(job.ticker, request.span, calendar.timezone)
    _require_timezone(job, calendar, download)
    # a part of the history holds sessions that were there before
    if download.rows.empty:
        raise NoPriceDataError(job.ticker, f"none from {request.span.first} to {request.span.last}")
    return download


def _require_timezone(job: Job, calendar: Calendar, download: Download) -> None:
    here, there = (
        job.as_of.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0)
        for zone in (calendar.timezone, download.timezone)
    )
    if abs(here - there) > _MAX_CLOCK_GAP:
        raise WrongCalendarError(
            job.ticker, calendar=calendar.name, expected=calendar.timezone, found=download.timezone
        )


def _store(request: _Request, download: Download) -> Written | None:
    """Store a download in one transaction; None, with nothing written, where the whole history is needed first."""
    job = request.job
    bars = _check(request, download)
    calendar, currency = request.calendar.name, download.currency
    with writing(job.engine) as connection:
        lock_instrument(connection, job.ticker, calendar=calendar, currency=currency)
        stored = read_instrument(connection, job.ticker)
        if stored is not None and stored.updated_at is not None and stored.updated_at > job.now:
            return _NOTHING  # another run, begun later, was here: what it saw is newer
        if not request.whole and _is_restated(connection, request, bars, download):
            return None
        if request.whole and not request.forced:
            bars = _quarantine_mixup(connection, request, bars, download)
        written = write_bars(
            connection,
            job.ticker,
            bars,
            calendar=calendar,
            currency=currency,
            source=YAHOO,
            observed_at=job.now,
            expected=request.calendar.sessions(request.span.first, request.span.last),
            asked=request.span,
        )
        write_actions(connection, job.ticker, download.actions, asked=request.span, observed_at=job.now)
        write_updated(connection, job.ticker, calendar=calendar, currency=currency, updated_at=job.now)
    return written


def _is_restated(connection: Connection, request: _Request, bars: Bars, download: Download) -> bool:
    stored = read_bars(connection, request.job.ticker, first=request.span.first)
    if compare_bars(stored, bars.frame).restated:
        return True
    return differ(read_actions(connection, request.job.ticker), download.actions, request.span)


def _quarantine_mixup(connection: Connection, request: _Request, bars: Bars, download: Download) -> Bars:
    """Keep a history aside that comes about 100 times off without a split, as in pounds where it was in pence."""
    comparison = compare_bars(read_bars(connection, request.job.ticker, first=request.span.first), bars.frame)
    if not comparison.is_unit_mixup or _has_news_of_split(connection, request, download):
        return bars
    aside = tuple(
        PriceIssue(
            session=session.date(),
            kind="jump",
            detail=f"the whole past comes {comparison.factor:g} times what is stored, and no split explains it; "
            "'stockrnn prices update --full' takes it as it is",
            raw={"session": str(session.date()), **row},
        )
        for session, row in zip(comparison.new.index, _to_json(comparison.new), strict=True)
    )
    return Bars(frame=bars.frame.iloc[:0], issues=(*bars.issues, *aside))


def _to_json(bars: pd.DataFrame) -> list[dict[str, float | None]]:
    return [
        {name: None if math.isnan(value) else float(value) for name, value in zip(BAR_COLUMNS, row, strict=True)}
        for row in bars[list(BAR_COLUMNS)].to_numpy()
    ]


def _has_news_of_split(connection: Connection, request: _Request, download: Download) -> bool:
    """Whether a split is new or so recent that the source may restate the past for it only now."""
    recent = request.calendar.session_offset(request.span.last, -_ISSUE_SESSIONS)
    known = set(read_actions(connection, request.job.ticker))
    return any(action not in known or action.ex_date >= recent for action in _splits(download))


def _splits(download: Download) -> list[Action]:
    return [action for action in download.actions if action.kind == "split"]


def _check(request: _Request, download: Download) -> Bars:
    job = request.job
    bars = check_bars(
        download.rows,
        closes=request.calendar.table["closes"],
        as_of=job.as_of,
        settle_hours=job.settings.settle_hours,
        splits={action.ex_date: action.value for action in _splits(download)},
    )
    duplicates = [issue for issue in download.issues if pd.Timestamp(issue.session) in bars.frame.index]
    return Bars(frame=bars.frame, issues=(*bars.issues, *duplicates))
