"""One feed for all tickers of a run, so that an outage of a source is noticed once; nights without data."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from stockrnn.errors import MissingTokenError, NoPriceDataError, PriceSourceError, StockrnnError
from stockrnn.settings import Settings
from stockrnn.sources.source import Fetch, Source
from stockrnn.steps.opened_source import OpenedSource
from stockrnn.steps.run import Job
from stockrnn.store.engine import reading, writing
from stockrnn.store.instruments import Instrument, read_instrument, write_no_data
from stockrnn.store.prices import Written
from stockrnn.store.quarantined import read_quarantined

LOG = logging.getLogger("stockrnn")

_ONE_NIGHT = timedelta(days=1)


class Feed:
    """A source that is open for a run, and those to ask where it can't serve a ticker.

    The first refusal (HTTP 429) stops the whole batch for a while where no other source serves the ticker; it goes on
    where it was. An outage that is not one ticker's own stops a source for good: the tickers that no other serves
    fail at once, and the next run takes them up.
    """

    def __init__(
        self,
        source: Source,
        fetch: Fetch,
        *,
        fallbacks: Sequence[tuple[Source, Fetch]] = (),
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sources = [OpenedSource(one, how, pause=pause) for one, how in ((source, fetch), *fallbacks)]
        self._needs_network = source.needs_network
        self._answered = 0
        self._without_data: list[Job] = []
        self._behind: list[Job] = []

    def update(self, job: Job, *, full: bool = False) -> Written:
        """Bring the job's ticker up to date, from the first source that can.

        Raises
        ------
        PriceSourceError, NoPriceDataError, MixedSourcesError, UnknownCalendarError, WrongCalendarError
        """
        try:
            written = self._update(job, full=full)
        except NoPriceDataError:
            self._without_data.append(job)
            raise
        if self._needs_network:
            self._note_answer(job)
        return written

    def close(self) -> None:
        """Count a night without data for the tickers that had none, provided that others had some."""
        if self._answered and not self._sources[0].is_stopped:
            # a session may have been found to be a closure since
            behind = [job for job in self._behind if not _is_up_to_date(job)]
            for job in (*self._without_data, *behind):
                _count_night(job)

    def _update(self, job: Job, *, full: bool) -> Written:
        """Ask one source after the other until the last settled session is stored."""
        failures: list[PriceSourceError | NoPriceDataError] = []
        told: list[Written] = []
        for one in self._sources:
            try:
                told.append(one.update(job, full=full))
            except (PriceSourceError, NoPriceDataError) as error:
                failures.append(error)
                continue
            job.run.forget(job.ticker)
            if one is self._sources[-1] or _is_up_to_date(job):
                break
        if told:
            return sum(told[1:], told[0])
        refusing = next((one for one in self._sources if one.wants_patience), None)
        if refusing is None:
            raise _join(job.ticker, failures)
        written = refusing.update_patiently(job, full=full)
        job.run.forget(job.ticker)
        return written

    def _note_answer(self, job: Job) -> None:
        # a ticker that is delisted still answers for some time, with its past
        if _is_current(job):
            self._answered += 1
        elif not _sent_bad_rows(job):
            self._behind.append(job)


@contextmanager
def open_feed(settings: Settings, source: Source) -> Iterator[Feed | None]:
    """Open the feed of a source, None where it downloads nothing; at the end nights without data are counted.

    Raises
    ------
    MissingTokenError
        No source could be opened.
    """
    if not source.downloads:
        yield None
        return
    (first, fetch), *others = _open_all(settings, source)
    feed = Feed(first, fetch, fallbacks=others)
    yield feed
    feed.close()


def _open_all(settings: Settings, source: Source) -> list[tuple[Source, Fetch]]:
    """Open a source and its fallbacks; one that lacks its token is left out where there are others."""
    opened, refused = list[tuple[Source, Fetch]](), list[MissingTokenError]()
    for one in (source, *source.fallbacks):
        try:
            opened += [(one, one.open(settings))] if one.open else []
        except MissingTokenError as error:
            refused.append(error)
    if not opened:
        raise refused[0]
    for missing in refused:
        LOG.warning("%s; it is left out of this run", missing)
    return opened


def update_prices(job: Job, feed: Feed | None, *, full: bool = False) -> Written | None:
    """Bring the job's ticker up to date; None where there is no feed: what is stored is all there is.

    Raises
    ------
    PriceSourceError, NoPriceDataError, MixedSourcesError, UnknownCalendarError, WrongCalendarError
    """
    return None if feed is None else feed.update(job, full=full)


def _join(ticker: str, failures: Sequence[PriceSourceError | NoPriceDataError]) -> StockrnnError:
    """Return one error for a ticker that no source serves: an outage where one of them had one."""
    if len(failures) == 1:
        return failures[0]
    outages = [error for error in failures if isinstance(error, PriceSourceError)]
    main = (outages or failures)[0]
    words = "; ".join([_describe(main), *(f"{one.source}: {_describe(one)}" for one in failures if one is not main)])
    if outages:
        return PriceSourceError(words, source=main.source)
    return NoPriceDataError(ticker, words, source=main.source)


def _describe(error: PriceSourceError | NoPriceDataError) -> str:
    return error.problem if isinstance(error, PriceSourceError) else error.reason


def _sent_bad_rows(job: Job) -> bool:
    """Whether the source has newer rows than those stored, but none that can be used: it knows the ticker."""
    with reading(job.engine) as connection:
        if not read_quarantined(connection, job.ticker):
            return False
        stored = read_instrument(connection, job.ticker)
    _forget_nights(job, stored)
    return True


def _is_current(job: Job) -> bool:
    """Whether no session is lacking; a ticker that is current again is active again."""
    with reading(job.engine) as connection:
        stored = read_instrument(connection, job.ticker)
    if not _lacks_nothing(job, stored):
        return False
    _forget_nights(job, stored)
    return True


def _is_up_to_date(job: Job) -> bool:
    with reading(job.engine) as connection:
        return _lacks_nothing(job, read_instrument(connection, job.ticker))


def _lacks_nothing(job: Job, stored: Instrument | None) -> bool:
    """Whether the last settled session is stored, or those that are not are assumed only: they may be holidays."""
    if stored is None or stored.last_session is None:
        return False
    calendar = job.run.calendar(job.ticker)
    settled = calendar.last_settled(job.as_of, settle_hours=job.settings.settle_hours)
    return calendar.known_sessions(stored.last_session + timedelta(days=1), settled).empty


def _forget_nights(job: Job, stored: Instrument | None) -> None:
    """Begin to count nights without data anew."""
    if stored is not None and (stored.no_data_nights or not stored.active):
        with writing(job.engine) as connection:
            write_no_data(connection, job.ticker, nights=0, at=None, active=True)


def _last_settled(job: Job, moment: datetime) -> date:
    return job.run.calendar(job.ticker).last_settled(moment, settle_hours=job.settings.settle_hours)


def _count_night(job: Job) -> None:
    """Note a night without data, once per session; after several the ticker is not asked for any more."""
    if job.now - job.as_of > _ONE_NIGHT:
        return  # a look at the past says nothing about tonight
    with writing(job.engine) as connection:
        stored = read_instrument(connection, job.ticker)
        if stored is None:
            return
        if stored.no_data_at and _last_settled(job, stored.no_data_at) == _last_settled(job, job.now):
            return
        nights = stored.no_data_nights + 1
        active = stored.active and nights < job.settings.inactive_after_nights
        write_no_data(connection, job.ticker, nights=nights, at=job.now, active=active)
    if stored.active and not active:
        LOG.warning(
            "%s: no data on %d nights in a row while other tickers had some; now inactive", job.ticker, nights
        )
