"""One source that is open for a run: an outage stops it for the tickers that are left, a refusal for a while."""

import logging
import time
from collections.abc import Callable

from stockrnn.errors import NoPriceDataError, PriceSourceError, RateLimitedError, UnfitPricesError
from stockrnn.sources.source import Fetch, Source
from stockrnn.steps.download import update_ticker
from stockrnn.steps.run import Job
from stockrnn.store.prices import Written

LOG = logging.getLogger("stockrnn")

_FAILURES_IN_A_ROW = 3


class OpenedSource:
    """A source of a run.

    An outage that is not one ticker's own stops it for good: the next run asks it again. A refusal (HTTP 429) stops
    it until somebody waits; once it has been waited for as often as it may, it is an outage.
    """

    def __init__(self, source: Source, fetch: Fetch, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.source = source
        self._fetch = fetch
        self._pause = pause
        self._pauses = iter(source.pauses)
        self._stopped: PriceSourceError | None = None
        self._refusal: RateLimitedError | None = None
        self._seconds = 0.0
        self._failures = 0

    @property
    def is_stopped(self) -> bool:
        """Whether an outage stopped it."""
        return self._stopped is not None

    @property
    def wants_patience(self) -> bool:
        """Whether it refused and may be waited for."""
        return self._refusal is not None

    def update(self, job: Job, *, full: bool = False) -> Written:
        """Bring the job's ticker up to date; a source that is stopped, or has refused, isn't asked.

        Raises
        ------
        PriceSourceError, NoPriceDataError, MixedSourcesError, UnknownCalendarError, WrongCalendarError
        """
        stopped = self._stopped or self._refusal
        if stopped is not None:
            raise stopped
        try:
            written = update_ticker(job, self.source, self._fetch, full=full)
        except RateLimitedError as error:
            self._note_refusal(error)
            raise
        except NoPriceDataError:
            self._failures = 0
            raise
        except UnfitPricesError:  # of this ticker alone
            raise
        except PriceSourceError as error:
            self._failures += 1
            if error.affects_all or self._failures >= _FAILURES_IN_A_ROW:
                self._stopped = error
            raise
        self._failures = 0
        return written

    def update_patiently(self, job: Job, *, full: bool = False) -> Written:
        """Wait as often as it refuses and may be waited for, then do and raise what `update` does."""
        while True:
            title, seconds = self.source.title, self._seconds
            LOG.warning("%s refuses further requests for now; the whole batch waits %.0f s", title, seconds)
            self._pause(seconds)
            self._refusal = None
            try:
                return self.update(job, full=full)
            except RateLimitedError:
                if not self.wants_patience:
                    raise

    def _note_refusal(self, error: RateLimitedError) -> None:
        seconds = next(self._pauses, None)
        if seconds is None:
            self._stopped = error
        else:
            self._refusal, self._seconds = error, seconds
