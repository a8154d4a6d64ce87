"""The HTTP session of every source on the network: polite, bounded in time, and clear about what went wrong."""

import logging
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from curl_cffi import CurlECode, requests
from curl_cffi.requests.exceptions import RequestException
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from stockrnn.errors import PriceSourceError, RateLimitedError

LOG = logging.getLogger("stockrnn")

T = TypeVar("T")

_TOO_MANY = 429
_SERVER_ERROR = 500
_NO_CONNECTION = (CurlECode.COULDNT_RESOLVE_PROXY, CurlECode.COULDNT_RESOLVE_HOST, CurlECode.COULDNT_CONNECT)
_CONNECT_SECONDS = 4.0
_READ_SECONDS = 10.0
_PROXY = re.compile("'.*'|(?<=resolve proxy: ).*", re.DOTALL)
_ATTEMPTS = 3
_PATIENCE_SECONDS = 10.0
_MAX_WAIT = 8.0


class SourceSession(requests.Session[requests.Response]):
    """A session with one source.

    Parameters
    ----------
    title
        What the source is called in messages.
    requests_per_second
        The most requests it sends.
    options
        Those of curl_cffi's session.
    """

    def __init__(
        self,
        *,
        title: str,
        requests_per_second: float,
        sleep: Callable[[float], None] = time.sleep,
        **options: Any,  # noqa: ANN401  # curl_cffi's own
    ) -> None:
        super().__init__(**options)
        self._title = title
        self._interval = 1 / requests_per_second
        self._sleep = sleep
        self._next = 0.0

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Send a request when its turn has come.

        Raises
        ------
        PriceSourceError
            No answer came.
        """
        try:
            return self.send_unmapped(method, url, *args, **kwargs)
        except RequestException as error:
            affects_all = _is_no_connection(error)
            # from None: curl's own words may repeat the password of a proxy
            raise PriceSourceError(describe_failure(error), source=self._title, affects_all=affects_all) from None

    def send_unmapped(self, method: Any, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Send a request when its turn has come; what goes wrong is curl's own error."""
        self._wait_for_turn()
        kwargs["timeout"] = (_CONNECT_SECONDS, _READ_SECONDS)
        response: requests.Response = super().request(method, url, *args, **kwargs)
        return response

    def _wait_for_turn(self) -> None:
        now = time.monotonic()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self._interval


def refuse_outage(status: int, *, title: str) -> None:
    """Raise for an HTTP status that says nothing of the ticker.

    Raises
    ------
    RateLimitedError, PriceSourceError
    """
    if status == _TOO_MANY:
        raise RateLimitedError(source=title)
    if status >= _SERVER_ERROR:
        raise PriceSourceError(f"it answers with HTTP status {status}", source=title)


def try_again(fetch: Callable[..., T], ticker: str, *args: object, retry_seconds: float) -> T:
    """Fetch; an outage is tried again, up to 3 times within 10 seconds.

    retry_seconds: how long to wait at most before the second attempt, a random part of it; twice as long before the
    third.
    """
    retrying = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(_ATTEMPTS) | stop_after_delay(_PATIENCE_SECONDS),
        wait=wait_random_exponential(multiplier=retry_seconds, max=_MAX_WAIT),
        before_sleep=_log_retry,
        reraise=True,
    )
    return retrying(fetch, ticker, *args)


def describe_failure(error: Exception) -> str:
    """Return an error's kind and words, without the address of a proxy, which may hold a password."""
    # curl's own words stand between a phrase that says nothing and an address of its manual
    text = str(error).removeprefix("Failed to perform, ").rpartition(" See http")[0] or str(error)
    if "roxy" in text:
        text = _PROXY.sub("what HTTPS_PROXY says", text)
    return f"{type(error).__name__}: {' '.join(text.split()).rstrip('. ')}"


def _is_no_connection(error: RequestException) -> bool:
    """Whether no server was reached at all: another ticker would fare the same."""
    if error.code == CurlECode.OPERATION_TIMEDOUT:
        return "Resolving timed out" in str(error) or "Connection timed out" in str(error)
    return error.code in _NO_CONNECTION


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, PriceSourceError) and not (isinstance(error, RateLimitedError) or error.is_final)


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    problem = error.problem if isinstance(error, PriceSourceError) else error
    LOG.info("%s: attempt %d of %d failed: %s", state.args[0], state.attempt_number, _ATTEMPTS, problem)
