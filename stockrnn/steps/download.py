"""One ticker's update from a source: fetch, check, compare, and store all of it or nothing."""

import logging
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Connection

from stockrnn.errors import NoPriceDataError, UnfitPricesError, WrongCalendarError
from stockrnn.market.bars import check_bars
from stockrnn.market.revisions import compare_bars
from stockrnn.market.vendor_switch import explain_misfit
from stockrnn.sources.source import Fetch, Source
from stockrnn.steps.exchange import find_days
from stockrnn.steps.liveness import explain_never_live
from stockrnn.steps.run import Job
from stockrnn.steps.update import ISSUE_SESSIONS, Update, find_settle_hours, look_up
from stockrnn.store.actions import differ, read_actions, write_actions
from stockrnn.store.calendar_changes import resolve_missing
from stockrnn.store.engine import writing
from stockrnn.store.instruments import (
    lock_instrument,
    read_instrument,
    read_sessions_of,
    write_updated,
)
from stockrnn.store.prices import Written, read_bars, write_bars
from stockrnn.types import BAR_COLUMNS, Action, Bars, Download, PriceIssue, Span

LOG = logging.getLogger("stockrnn")

_MAX_CLOCK_GAP = timedelta(hours=2)
_NOTHING = Written(inserted=0, revised=0, quarantined=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What the source is asked for.

    Attributes
    ----------
    whole
        The span is the whole history.
    forced
        The user asked for the whole history and takes it as it is.
    """

    update: Update
    span: Span
    whole: bool
    forced: bool = False


def update_ticker(job: Job, source: Source, fetch: Fetch, *, full: bool = False) -> Written:
    """Bring the job's ticker up to date; nothing is written unless all of it is.

    Asks for the sessions missing and the last 10 stored ones, or for the whole history where nothing is stored, the
    source has restated the past, or `full` says so. A ticker that was updated since its last session settled and
    lacks nothing is not asked for again.

    Raises
    ------
    PriceSourceError, NoPriceDataError, MixedSourcesError, UnknownCalendarError, WrongCalendarError
    """
    update = look_up(job, source)
    _resolve_closures(update)
    if update.is_done and not full:
        return _NOTHING
    if update.overlap_from is not None and not full and not update.switches_vendor:
        part = _Request(update=update, span=Span(min(update.overlap_from, update.last), update.last), whole=False)
        written = _store(part, _fetch(part, fetch))
        if written is not None:
            return written
    whole = _Request(update=update, span=update.whole_span, whole=True, forced=full)
    written = _store(whole, _fetch(whole, fetch)) or _NOTHING
    if update.stored is None:
        _greet(update)
    if update.switches_vendor and written.revised:
        words = "%s: its prices come from %s now, before from %s; the whole history was taken from it"
        LOG.warning(words, job.ticker, source.title, update.vendor)
    return written


def _resolve_closures(update: Update) -> None:
    """Resolve what is missing of days that the settings close, even where there is nothing to ask for."""
    closures = find_days(update.job.settings.extra_closures, update.calendar.name)
    if closures:
        with writing(update.job.engine) as connection:
            resolve_missing(connection, [update.job.ticker], closures, at=update.now, by="settings")


def _greet(update: Update) -> None:
    """Say of a ticker that is new what its user would wait for in vain."""
    never = explain_never_live(update.job.ticker, update.calendar, update.job.target)
    if never:
        LOG.warning("%s", never)


def _fetch(request: _Request, fetch: Fetch) -> Download:
    update, span = request.update, request.span
    download = fetch(update.job.ticker, span, update.calendar)
    _require_timezone(update, download)
    # a part of the history holds sessions that were there before
    if download.rows.empty:
        reason = f"none from {span.first} to {span.last}"
        raise NoPriceDataError(update.job.ticker, reason, source=update.source.title)
    return download


def _require_timezone(update: Update, download: Download) -> None:
    calendar, as_of = update.calendar, update.job.as_of
    here, there = (
        as_of.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0)
        for zone in (calendar.timezone, download.timezone)
    )
    if abs(here - there) > _MAX_CLOCK_GAP:
        raise WrongCalendarError(
            update.job.ticker,
            calendar=calendar.name,
            expected=calendar.timezone,
            source=update.source.title,
            found=download.timezone,
        )


def _store(request: _Request, download: Download) -> Written | None:
    """Store a download in one transaction; None, with nothing written, where the whole history is needed first."""
    update = request.update
    ticker, bars = update.job.ticker, _check(update, download)
    said: dict[str, Any] = {"calendar": update.calendar.name, "currency": download.currency}
    with writing(update.job.engine) as connection:
        lock_instrument(connection, ticker, **said, source=update.written_as)
        if _was_overtaken(connection, update):
            return _NOTHING
        if not request.whole and _is_restated(connection, request, bars, download):
            return None
        if update.switches_vendor and not request.forced:
            _require_fit(connection, request, bars, download)
        elif request.whole and not request.forced:
            bars = _quarantine_mixup(connection, request, bars, download)
        # before the bars: a split explains why they change
        write_actions(connection, ticker, download.actions, asked=request.span, observed_at=update.now)
        written = write_bars(
            connection,
            ticker,
            bars,
            **said,
            source=update.written_as,
            observed_at=update.now,
            expected=update.calendar.known_sessions(request.span.first, request.span.last).difference(
                pd.DatetimeIndex(update.closures)
            ),
            asked=request.span,
            replacing=update.switches_vendor,
        )
        write_updated(connection, ticker, **said, updated_at=_date_update(update))
    return written


def _was_overtaken(connection: Connection, update: Update) -> bool:
    """Whether another run, begun later, has written since this one asked: what it saw is newer."""
    stored = read_instrument(connection, update.job.ticker)
    if stored is None or stored.updated_at is None:
        return False
    # the time alone says nothing: before a clock was set back it was later too
    unchanged = update.stored is not None and update.stored.updated_at == stored.updated_at
    return not unchanged and stored.updated_at > update.now


def _date_update(update: Update) -> datetime:
    """Return when the source answered; the simulated market's time never goes back."""
    before = update.stored.updated_at if update.stored else None
    return max(update.now, before) if update.source.simulated and before else update.now


def _is_restated(connection: Connection, request: _Request, bars: Bars, download: Download) -> bool:
    ticker = request.update.job.ticker
    if compare_bars(read_bars(connection, ticker, first=request.span.first), bars.frame).restated:
        return True
    return differ(read_actions(connection, ticker), download.actions, request.span)


def _require_fit(connection: Connection, request: _Request, bars: Bars, download: Download) -> None:
    """Refuse another vendor's history that is not that of the stored bars.

    Raises
    ------
    UnfitPricesError
    """
    update, ticker = request.update, request.update.job.ticker
    known = update.stored.last_session if update.stored else None
    problem = explain_misfit(
        read_bars(connection, ticker),
        bars.frame,
        held=read_sessions_of(connection, ticker, update.vendor or ""),
        needed=update.last,
        splits=[split.value for split in _splits(download) if known is not None and split.ex_date > known],
    )
    if problem is not None:
        raise UnfitPricesError(ticker, problem, source=update.source.title)


def _quarantine_mixup(connection: Connection, request: _Request, bars: Bars, download: Download) -> Bars:
    """Quarantine a history that comes about 100 times off without a split, as in pounds where it was in pence."""
    stored = read_bars(connection, request.update.job.ticker, first=request.span.first)
    comparison = compare_bars(stored, bars.frame)
    if not comparison.is_unit_mixup or _has_news_of_split(connection, request, download):
        return bars
    quarantined = tuple(
        PriceIssue(
            session=session.date(),
            kind="jump",
            detail=f"the whole past comes {comparison.factor:g} times what is stored, and no split explains it; "
            "'stockrnn prices update --full' takes it as it is",
            raw={"session": str(session.date()), **row},
        )
        for session, row in zip(comparison.new.index, _to_json(comparison.new), strict=True)
    )
    return Bars(frame=bars.frame.iloc[:0], issues=(*bars.issues, *quarantined))


def _to_json(bars: pd.DataFrame) -> list[dict[str, float | None]]:
    return [
        {name: None if math.isnan(value) else float(value) for name, value in zip(BAR_COLUMNS, row, strict=True)}
        for row in bars[list(BAR_COLUMNS)].to_numpy()
    ]


def _has_news_of_split(connection: Connection, request: _Request, download: Download) -> bool:
    """Whether a split is new or so recent that the source may restate the past for it only now."""
    update = request.update
    recent = update.calendar.session_offset(request.span.last, -ISSUE_SESSIONS)
    known = set(read_actions(connection, update.job.ticker))
    return any(action not in known or action.ex_date >= recent for action in _splits(download))


def _splits(download: Download) -> list[Action]:
    return [action for action in download.actions if action.kind == "split"]


def _check(update: Update, download: Download) -> Bars:
    calendar = update.calendar.with_unknown_past(pd.DatetimeIndex(download.rows["session"]))
    bars = check_bars(
        download.rows,
        closes=calendar.table["closes"],
        as_of=update.job.as_of,
        settle_hours=find_settle_hours(update.job, update.source),
        splits={action.ex_date: action.value for action in _splits(download)},
    )
    duplicates = [issue for issue in download.issues if pd.Timestamp(issue.session) in bars.frame.index]
    return Bars(frame=bars.frame, issues=(*bars.issues, *duplicates))
