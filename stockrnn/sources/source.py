"""What a source of prices is: its name, what it needs, how a symbol is looked up, and how it is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from stockrnn.market.calendars import Calendar
from stockrnn.market.symbols import LookUp, look_up_calendar
from stockrnn.settings import Settings
from stockrnn.types import Download, Span

Fetch: TypeAlias = Callable[[str, Span, Calendar], Download]
"""Returns what an opened source tells of a ticker's sessions in a span, which are those of the calendar.

Raises
------
NoPriceDataError
    The source answers that it has none: an unknown symbol, or no session in this span.
RateLimitedError
    The source refuses further requests.
PriceSourceError
    No usable answer.
"""
Open: TypeAlias = Callable[[Settings], Fetch]
"""Opens a source for a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source of prices.

    Attributes
    ----------
    name
        What it is called in parameters and in the column `source` of stored prices.
    title
        What it is called in messages.
    open
        Opens it for a run; None where it downloads nothing and what is stored is all there is.
    needs_network
        It can be out of reach, and its bars may come late: stale prices are refused.
    simulated
        Its time is simulated: figures are final at the close, and what it tells is dated by the run's `as_of`.
    begins
        Where a whole history begins; None for the settings' `history_from`.
    default_tickers
        The tickers of a run where neither it nor the settings name some; empty for all in the store.
    look_up_calendar
        Finds the exchange's calendar of a symbol that neither the settings nor the store know.
    pauses
        Seconds to wait after each refusal in a run, before the batch goes on with the ticker that was refused.
    fallbacks
        The sources to ask, in order, where this one can't serve a ticker.
    """

    name: str
    title: str
    open: Open | None = None
    needs_network: bool = False
    simulated: bool = False
    begins: date | None = None
    default_tickers: tuple[str, ...] = ()
    look_up_calendar: LookUp = look_up_calendar
    pauses: tuple[float, ...] = (60.0, 120.0, 240.0)
    fallbacks: tuple["Source", ...] = ()

    @property
    def names(self) -> str:
        """Its name and those of its fallbacks, as parameters of a run show them."""
        return ",".join(one.name for one in (self, *self.fallbacks))

    @property
    def downloads(self) -> bool:
        """Whether it brings prices at all."""
        return self.open is not None
