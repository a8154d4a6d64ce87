"""One feed for all tickers of a run, so that an outage of its source is noticed once; nights without data."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from stockrnn.errors import NoPriceDataError, PriceSourceError, RateLimitedError
from stockrnn.settings import Settings
from stockrnn.sources.source import Fetch, Source
from stockrnn.steps.download import update_ticker
from stockrnn.steps.run import Job
from stockrnn.store.engine import reading, writing
from stockrnn.store.instruments import Instrument, read_instrument, write_no_data
from stockrnn.store.prices import Written
from stockrnn.store.quarantined import read_quarantined

LOG = logging.getLogger("stockrnn")

_PAUSES = (60.0, 120.0, 240.0)
"""Seconds to wait after each refusal in a run, before the batch goes on with the ticker that was refused."""
_FAILURES_IN_A_ROW = 3
_ONE_NIGHT = timedelta(days=1)


class Feed:
    """A source that is open for a run.

    The first refusal (HTTP 429) stops the whole batch for a while; it goes on where it was. An outage that is not
    one ticker's own stops it for good: the tickers that are left fail at once, and the next run takes them up.
    """

    def __init__(self, source: Source, fetch: Fetch, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._source = source
        self._fetch = fetch
        self._pause = pause
        self._pauses = iter(_PAUSES)
        self._stopped: PriceSourceError | None = None
        self._failures = 0
        self._answered = 0
        self._without_data: list[Job] = []

    def update(self, job: Job, *, full: bool = False) -> Written:
        """Bring the job's ticker up to date.

        Raises
        ------
        PriceSourceError, NoPriceDataError, MixedSourcesError, UnknownCalendarError, WrongCalendarError
        """
        if self._stopped is not None:
            raise self._stopped
        try:
            written = self._update_patiently(job, full=full)
            job.run.forget(job.ticker)
        except NoPriceDataError:
            self._without_data.append(job)
            self._failures = 0
            raise
        except PriceSourceError as error:
            self._failures += 1
            if error.affects_all or self._failures >= _FAILURES_IN_A_ROW:
                self._stopped = error
            raise
        self._failures = 0
        if self._source.needs_network:
            self._note_answer(job)
        return written

    def close(self) -> None:
        """Count a night without data for the tickers that had none, provided that others had some."""
        if self._answered and self._stopped is None:
            for job in self._without_data:
                _count_night(job)

    def _update_patiently(self, job: Job, *, full: bool) -> Written:
        while True:
            try:
                return update_ticker(job, self._source, self._fetch, full=full)
            except RateLimitedError:
                seconds = next(self._pauses, None)
                if seconds is None:
                    raise
                title = self._source.title
                LOG.warning("%s refuses further requests for now; the whole batch waits %.0f s", title, seconds)
                self._pause(seconds)

    def _note_answer(self, job: Job) -> None:
        # a ticker that is delisted still answers for some time, with its past
        if _is_current(job):
            self._answered += 1
        elif not _sent_bad_rows(job):
            self._without_data.append(job)


@contextmanager
def open_feed(settings: Settings, source: Source) -> Iterator[Feed | None]:
    """Open the feed of a source, None where it downloads nothing; at the end nights without data are counted."""
    if source.open is None:
        yield None
        return
    feed = Feed(source, source.open(settings))
    yield feed
    feed.close()


def update_prices(job: Job, feed: Feed | None, *, full: bool = False) -> Written | None:
    """Bring the job's ticker up to date; None where there is no feed: what is stored is all there is.

    Raises
    ------
    PriceSourceError, NoPriceDataError, MixedSourcesError, UnknownCalendarError, WrongCalendarError
    """
    return None if feed is None else feed.update(job, full=full)


def _sent_bad_rows(job: Job) -> bool:
    """Whether the source has newer rows than those stored, but none that can be used: it knows the ticker."""
    with reading(job.engine) as connection:
        if not read_quarantined(connection, job.ticker):
            return False
        stored = read_instrument(connection, job.ticker)
    _forget_nights(job, stored)
    return True


def _is_current(job: Job) -> bool:
    """Whether the last settled session is stored; a ticker that is current again is active again."""
    with reading(job.engine) as connection:
        stored = read_instrument(connection, job.ticker)
    if stored is None or stored.last_session is None or stored.last_session < _last_settled(job, job.as_of):
        return False
    _forget_nights(job, stored)
    return True


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
