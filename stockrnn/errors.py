"""One tree of errors: each says the rule, what was found and the next step."""

import re
from collections.abc import Sequence
from datetime import date
from typing import ClassVar

_MAX_SHOWN = 40


class StockrnnError(Exception):
    """A failure that stockrnn can explain. `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 1


class UsageError(StockrnnError):
    """The request itself is wrong: nothing was read or written."""

    exit_code: ClassVar[int] = 2


class InvalidTickerError(UsageError):
    """A text that is no Yahoo symbol."""

    def __init__(self, text: str) -> None:
        self.text = text
        shown = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
        super().__init__(
            f"{shown!r} is not a ticker: expected a Yahoo symbol of at most 32 characters, such as META, BRK-B, "
            f"^GSPC or 0700.HK{_suggest(text)}"
        )


def _suggest(text: str) -> str:
    """Return how Yahoo writes what looks like a class of shares, such as BRK/B."""
    parts = re.fullmatch(r"([A-Za-z]{1,5})[/ ]([A-Za-z])", text.strip())
    return f"; Yahoo writes {parts[1].upper()}-{parts[2].upper()}" if parts else ""


class UnknownSpecError(UsageError):
    """A spec that neither stockrnn nor stockrnn.toml defines."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        super().__init__(
            f"no spec {name!r}; known: {', '.join(sorted(known))}; define it as [specs.{name}] in stockrnn.toml"
        )


class UnknownSourceError(UsageError):
    """A source of prices that is not registered."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        super().__init__(f"no source {name!r}; known: {', '.join(known)}")


class SettingsError(UsageError):
    """stockrnn.toml or a STOCKRNN_ variable holds something that is not allowed."""


class PriceFileError(StockrnnError):
    """A price file that can't be trusted as a whole; nothing of it was stored."""

    def __init__(self, path: object, problem: str, remedy: str, *, line: int | None = None) -> None:
        self.path, self.line = path, line
        where = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {problem}; {remedy}")


class PriceSourceError(StockrnnError):
    """A source that could not answer, for a reason that may pass: an outage, not a verdict on the ticker.

    `source` is the source's title, as in "Yahoo"; `affects_all` says that asking for another ticker would fail the
    same way, `is_final` that asking once more would.
    """

    def __init__(self, problem: str, *, source: str, affects_all: bool = False, is_final: bool = False) -> None:
        self.problem, self.source, self.affects_all, self.is_final = problem, source, affects_all, is_final
        super().__init__(
            f"{source} can't be reached or gives no usable answer: {problem}; nothing was changed. Run it again "
            "later, or bring prices in with 'stockrnn prices import FILE --ticker META', or try '--source simulated'"
        )


class RateLimitedError(PriceSourceError):
    """The source refuses further requests for some time."""

    def __init__(self, *, source: str) -> None:
        super().__init__("it refuses further requests for now (HTTP 429)", source=source, affects_all=True)


class UnfitPricesError(PriceSourceError):
    """Prices of another vendor that don't fit those stored: they are not taken."""

    def __init__(self, ticker: str, problem: str, *, source: str) -> None:
        self.ticker = ticker
        super().__init__(f"its prices of {ticker} can't take the place of those stored: {problem}", source=source)


class MissingTokenError(UsageError):
    """A source that needs a token, which the environment does not name."""

    def __init__(self, variable: str, *, source: str) -> None:
        self.variable = variable
        super().__init__(f"{source} needs a token: set {variable} to that of your account")


class NoPriceDataError(StockrnnError):
    """The source answers, but has nothing for this ticker: a wrong symbol, a delisting, a new name."""

    def __init__(self, ticker: str, reason: str, *, source: str) -> None:
        self.ticker, self.reason, self.source = ticker, reason, source
        super().__init__(
            f"{ticker}: {source} has no prices of it ({reason}); check the symbol: it may be misspelt, delisted or "
            "renamed (a new name is a new ticker here, nothing is merged by itself)"
        )


class StalePricesError(StockrnnError):
    """Prices that end before the last settled session, so that no forecast can be issued in time.

    `quarantined` says which bars came and could not be used, None where none came.
    """

    def __init__(self, ticker: str, *, last_session: date, behind: int, quarantined: str | None = None) -> None:
        self.ticker, self.last_session, self.behind, self.quarantined = ticker, last_session, behind, quarantined
        super().__init__(
            f"{ticker}: the last stored session is {last_session}, {behind} later ones have settled and no usable "
            f"bar of them has come yet{f': {quarantined}' if quarantined else ''}; no forecast is issued, the next "
            "night asks again ('stockrnn prices check' shows what is missing)"
        )


class WrongCalendarError(UsageError):
    """A ticker whose calendar belongs to another exchange than the source says."""

    def __init__(self, ticker: str, *, calendar: str, expected: str, source: str, found: str) -> None:
        self.ticker = ticker
        super().__init__(
            f"{ticker}: its calendar {calendar} is that of {expected}, but {source} says it trades in {found}; name "
            f'the right calendar in stockrnn.toml, such as [calendars] "{ticker}" = "XTKS"'
        )


class MixedSourcesError(StockrnnError):
    """Simulated and real prices must never meet under one ticker."""

    def __init__(self, ticker: str, stored: str, offered: str) -> None:
        self.ticker = ticker
        super().__init__(
            f"{ticker}: the stored prices come from source {stored!r}, these from {offered!r}; simulated and real "
            "prices are never mixed: use another ticker or another STOCKRNN_HOME"
        )


class UnknownTickerError(StockrnnError):
    """A ticker without a single stored price."""

    def __init__(self, ticker: str) -> None:
        self.ticker = ticker
        super().__init__(f"{ticker}: no prices are stored; run 'stockrnn prices import FILE --ticker {ticker}' first")


class BrokenCalendarError(StockrnnError):
    """A calendar that its package can't load, as with a version of pandas that it does not know."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(
            f"calendar {name} can't be loaded ({problem}); install the versions of requirements.lock, or update "
            "exchange-calendars"
        )


class UnknownCalendarError(UsageError):
    """A ticker whose exchange is not known, or a calendar name that does not exist."""


class NotEnoughHistoryError(StockrnnError):
    """Fewer sessions than one window needs."""

    def __init__(self, ticker: str, *, found: int, needed: int, through: date) -> None:
        self.ticker, self.found, self.needed = ticker, found, needed
        super().__init__(
            f"{ticker}: {found} sessions are stored up to {through}, at least {needed} are needed "
            "(lookback + 1); import more history"
        )


class MissingTargetError(StockrnnError):
    """Stored sessions without a value for the target, as `adj_close` where the file had none."""

    def __init__(self, ticker: str, target: str, missing: int) -> None:
        self.ticker, self.target, self.missing = ticker, target, missing
        super().__init__(
            f"{ticker}: {missing} stored sessions have no {target}; choose another target or import prices that "
            "have it"
        )


class NothingToReportError(StockrnnError):
    """A ticker with prices, but with neither a forecast nor a backtest."""

    def __init__(self, ticker: str, spec: str) -> None:
        self.ticker, self.spec = ticker, spec
        super().__init__(
            f"{ticker}: no forecast and no backtest of spec {spec!r} to report; "
            f"run 'stockrnn nightly --ticker {ticker}'"
        )


class HoldoutError(StockrnnError):
    """A holdout that the stored prices can't serve."""


class ModelMissingError(StockrnnError):
    """No stored model may be used for the cutoff."""

    def __init__(self, ticker: str, spec: str, cutoff: date) -> None:
        self.ticker, self.spec, self.cutoff = ticker, spec, cutoff
        super().__init__(
            f"{ticker}: no model of spec {spec!r} is trained on sessions up to {cutoff} or earlier; "
            f"run 'stockrnn retrain --ticker {ticker} --spec {spec}'"
        )


class UnknownForecastError(UsageError):
    """A forecast that the ledger does not hold."""

    def __init__(self, forecast_id: str) -> None:
        self.forecast_id = forecast_id
        super().__init__(f"no forecast {forecast_id!r} in the ledger; 'stockrnn sql forecast_origin' lists them")


class TrainingError(StockrnnError):
    """Training that ended without a usable model; nothing was stored."""


class DamagedModelError(StockrnnError):
    """Stored weights that do not match their checksum."""


class ModelChoiceError(StockrnnError):
    """A model that can't be taken into use."""


class StoreError(StockrnnError):
    """The database can't be used: missing, locked, unreadable or from a newer version."""


class StoreLockedError(StoreError):
    """Something in the database that another process or session had locked for longer than the settings allow.

    Nothing was written; `what` was locked `by` someone for `seconds`.
    """

    def __init__(self, what: str, *, by: str, seconds: float) -> None:
        self.what, self.by, self.seconds = what, by, seconds
        super().__init__(
            f"{by} had locked {what} for {seconds:g} s, as long as database_wait_seconds lets a run wait; nothing "
            "was written. Run it again when that has ended, or end it where it was left open"
        )


class StoreUnreachableError(StoreError):
    """A database server that does not answer, or went away in the middle of a transaction (`lost`).

    Nothing is half-written: each step is one transaction.
    """

    def __init__(self, cause: object, *, lost: bool = False) -> None:
        self.lost = lost
        super().__init__(
            f"the database server {'went away' if lost else 'does not answer'}: {' '.join(str(cause).split())}; "
            "what was written so far stands, the next run does the rest. Check that the server runs and that "
            "STOCKRNN_DATABASE_URL names it"
        )


class QueryError(UsageError):
    """A named query that does not exist, or was given the wrong parameters."""
