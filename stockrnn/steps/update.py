"""What is known of a ticker before its source is asked for an update."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from stockrnn.market.calendars import Calendar
from stockrnn.market.symbols import find_calendar_name
from stockrnn.sources.source import Source
from stockrnn.steps.exchange import find_days, load_exchange
from stockrnn.steps.run import Job
from stockrnn.store.calendar_changes import read_changes, read_offered_off_calendar
from stockrnn.store.engine import reading
from stockrnn.store.instruments import (
    SIMULATED,
    Instrument,
    read_instrument,
    read_overlap_start,
    read_vendor,
)
from stockrnn.store.prices import require_same_market
from stockrnn.types import Span

_OVERLAP_SESSIONS = 10
ISSUE_SESSIONS = 60
"""How far back an open issue makes a nightly update ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What is known of a ticker before its source is asked.

    Attributes
    ----------
    closures
        Sessions of the calendar that are taken as closures: no bar has to be there.
    last
        The last session whose bar has settled.
    overlap_from
        The first session to ask for again; None where nothing is stored.
    reopened
        The first day whose bar was quarantined and that has become a session since; None without any.
    vendor
        The source on the network that told the stored bars; None where none did.
    """

    job: Job
    source: Source
    calendar: Calendar
    closures: tuple[date, ...]
    stored: Instrument | None
    last: date
    overlap_from: date | None
    reopened: date | None
    vendor: str | None

    @property
    def switches_vendor(self) -> bool:
        """Whether the stored bars are another vendor's: all of them are superseded, or none."""
        return self.source.needs_network and self.vendor not in {None, self.source.name}

    @property
    def now(self) -> datetime:
        """When the source is asked: the simulated market's time is simulated too."""
        return self.job.as_of if self.source.simulated else self.job.now

    @property
    def whole_span(self) -> Span:
        """The whole history, of the source or of what is stored."""
        begins = [self.source.begins or self.job.settings.history_from, self.last]
        if self.stored is not None and self.stored.first_session is not None:
            begins.append(self.stored.first_session)
        return Span(min(begins), self.last)

    @property
    def written_as(self) -> str:
        """What the rows name as their source."""
        return SIMULATED if self.source.simulated else self.source.name

    @property
    def is_done(self) -> bool:
        """Whether the source was asked since the last session settled, and gave that session."""
        stored, settle_hours = self.stored, find_settle_hours(self.job, self.source)
        if self.reopened is not None or stored is None or stored.updated_at is None or stored.last_session is None:
            return False
        asked_for = self.calendar.last_settled(stored.updated_at, settle_hours=settle_hours)
        return min(stored.last_session, asked_for) >= self.last


def look_up(job: Job, source: Source) -> Update:
    """Look up what is stored of the job's ticker, and what its source would be asked for.

    Raises
    ------
    MixedSourcesError, UnknownCalendarError, BrokenCalendarError
    """
    with reading(job.engine) as connection:
        stored = read_instrument(connection, job.ticker)
        name = _find_calendar_name(job, source, stored)
        believed = read_changes(connection, name)
        opened = [one for one in believed if one.kind == "session"]
        # a bar of a day that was taken as a closure is welcome
        calendar = load_exchange(job.settings, name, as_of=job.as_of, believed=opened)
        last = calendar.last_settled(job.as_of, settle_hours=find_settle_hours(job, source))
        overlap_from = read_overlap_start(
            connection,
            job.ticker,
            sessions=_OVERLAP_SESSIONS,
            issues_since=calendar.session_offset(last, -ISSUE_SESSIONS),
        )
        added = {*(one.session for one in opened)}
        reopened = _find_reopened(connection, job, calendar, added=added, last=last)
        update = Update(
            job=job,
            source=source,
            calendar=calendar,
            closures=tuple(one.session for one in believed if one.kind == "closure"),
            stored=stored,
            last=last,
            overlap_from=min(overlap_from, reopened) if overlap_from and reopened else overlap_from,
            reopened=reopened,
            vendor=read_vendor(connection, job.ticker),
        )
        require_same_market(connection, job.ticker, source=update.written_as)
    return update


def _find_reopened(
    connection: Connection, job: Job, calendar: Calendar, *, added: set[date], last: date
) -> date | None:
    """Return the first settled day whose bar was quarantined and that the source or the settings made a session."""
    sessions = added.union(find_days(job.settings.extra_sessions, calendar.name))
    if not sessions:  # as a rule
        return None
    offered = read_offered_off_calendar(connection, [job.ticker], since=min(sessions))
    return min((day for day in sessions.intersection(offered) if day <= last), default=None)


def _find_calendar_name(job: Job, source: Source, stored: Instrument | None) -> str:
    return find_calendar_name(
        job.ticker,
        named=job.settings.calendars,
        stored=stored.calendar if stored else None,
        look_up=source.look_up_calendar,
    )


def find_settle_hours(job: Job, source: Source) -> float:
    """Return how long after a session's close its bar is final."""
    # the simulated market has its figures at the close
    return 0 if source.simulated else job.settings.settle_hours
