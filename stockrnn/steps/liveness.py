"""What keeps forecasts from being live, in words: a target that never can be, nights that come too late."""

from collections.abc import Sequence

from stockrnn.market.calendars import Calendar
from stockrnn.market.live import can_be_live
from stockrnn.steps.failures import join_tickers
from stockrnn.steps.run import Run
from stockrnn.store.engine import reading
from stockrnn.store.forecasts import read_forecast
from stockrnn.types import Forecast, Target

LATE_NIGHTS = 2
"""After so many nights in a row that gave hindcasts only, something is wrong with when they are run."""
_REMEDY = "let 'stockrnn nightly --due' run every hour: it serves each ticker between its settling and that opening"


def explain_never_live(ticker: str, calendar: Calendar, target: Target) -> str | None:
    """Say that forecasts of the target can't be live on the ticker's market; None where they can."""
    if can_be_live(calendar, target):
        return None
    but = "" if calendar.name == "24/7" else ", except after a weekend or a holiday"
    return (
        f"{ticker}: its sessions open as the ones before end ({calendar.name}), before the bars of those settle, "
        f'so no forecast of its {target} can be live{but}; forecasts of the close can: target = "close"'
    )


def explain_late_night(run: Run, forecasts: Sequence[Forecast]) -> tuple[str, ...]:
    """Say that a night of the present gave no live forecast of real tickers, though it could have; nothing otherwise.

    Parameters
    ----------
    forecasts
        Those that the night issued or found standing.
    """
    if run.as_of < run.now:  # a look at the past can't give any
        return ()
    asked = [one for one in forecasts if _could_be_live(run, one)]
    tickers = list(dict.fromkeys(one.ticker for one in asked))
    if not tickers or any(_is_live(run, one) for one in asked):
        return ()
    return (f"no forecast of this night is live: {describe_late(tickers)}",)


def describe_late(tickers: Sequence[str]) -> str:
    """Say why the forecasts of tickers were hindcasts, and what to do."""
    return f"the next sessions of {join_tickers(tickers)} had opened before; {_REMEDY}"


def _could_be_live(run: Run, forecast: Forecast) -> bool:
    return not run.history(forecast.ticker).simulated and can_be_live(run.calendar(forecast.ticker), forecast.target)


def _is_live(run: Run, forecast: Forecast) -> bool:
    """Whether a live forecast stands for the cutoff, perhaps one of a run before."""
    if forecast.kind == "live":
        return True
    with reading(run.engine) as connection:
        standing = read_forecast(
            connection,
            ticker=forecast.ticker,
            target=forecast.target,
            spec=forecast.spec,
            cutoff=forecast.cutoff,
            kind="live",
        )
    return standing is not None
