"""Failures that stay with their ticker, and how they are put into words."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from stockrnn.errors import StockrnnError, StoreUnreachableError

LOG = logging.getLogger("stockrnn")

_MAX_NAMED = 10


@contextmanager
def keeping_failures(ticker: str, failed: dict[str, str]) -> Iterator[None]:
    """Note what goes wrong inside the block instead of raising it: a bad ticker never stops the others.

    Raises
    ------
    StoreUnreachableError
        No ticker could go on.
    """
    try:
        yield
    except StoreUnreachableError:
        raise
    except StockrnnError as error:
        if str(error) not in failed.values():  # an outage is said once, not once per ticker
            LOG.error("%s", error)  # noqa: TRY400  # it explains itself; a traceback would only hide it
        failed[ticker] = str(error)
    except Exception as error:
        failed[ticker] = f"{ticker}: {type(error).__name__}: {error}"
        LOG.exception("%s: unexpected failure", ticker)


def group_failures(failures: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return one line per ticker that failed, but one for all that a single outage stopped."""
    by_error: dict[str, list[str]] = {}
    for ticker, error in failures:
        if ticker not in by_error.setdefault(error, []):
            by_error[error].append(ticker)
    return tuple(
        error if error.startswith(f"{tickers[0]}:") else f"{join_tickers(tickers)}: {error}"
        for error, tickers in by_error.items()
    )


def name_failed_specs(failures: Mapping[tuple[str, str], str], *, specs: Sequence[str]) -> tuple[str, ...]:
    """Return one line per ticker and reason; it names the specs that failed unless all of `specs` did.

    Parameters
    ----------
    failures
        Ticker and spec to what went wrong.
    """
    by_reason: dict[tuple[str, str], list[str]] = {}
    for (ticker, spec), error in failures.items():
        by_reason.setdefault((ticker, error.removeprefix(f"{ticker}: ")), []).append(spec)
    return tuple(
        f"{ticker}: {reason}" if len(failed) == len(specs) else f"{ticker}, spec {', '.join(failed)}: {reason}"
        for (ticker, reason), failed in by_reason.items()
    )


def summarize(tickers: Sequence[str], failed: Sequence[str], failures: Sequence[str]) -> str:
    """Say in one line how many tickers are done, and which failed and why."""
    words = f"{len(tickers) - len(failed)} of {len(tickers)} tickers done"
    return words + (f"; failed: {'; '.join(failures)}" if failures else "")


def join_tickers(tickers: Sequence[str], *, max_named: int = _MAX_NAMED) -> str:
    """Name the tickers, of many the first ones."""
    more = len(tickers) - max_named
    return ", ".join(tickers[:max_named]) + (f" and {more} more" if more > 0 else "")
