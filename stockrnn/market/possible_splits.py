"""Jumps from one session to the next that a split explains, where no split is known."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from stockrnn.market.split_ratios import USUAL_RATIOS
from stockrnn.types import Action, PriceIssue

POSSIBLE_SPLIT = "possible_split"
CONTEXT_SESSIONS = 21
"""How many sessions before a jump say what is ordinary for the ticker."""
_SIZES = np.log(USUAL_RATIOS)
# What a night does to a price comes on top of the split.
_TOLERANCE = 0.1
_SMALLEST = _SIZES[0] - _TOLERANCE
_ROOM = 0.5
# Not even the wildest tickers move overnight by so many times their usual day.
_ORDINARY = 6.0
_MIN_MOVES = 5
# What halves or doubles on news is traded many times as much as before; at a split it is not, in shares or in money.
_NEWS = 4.0
# Nine tenths of a price are hardly ever lost overnight, so that is said however much is traded.
_BEYOND_NEWS = math.log(10) - _TOLERANCE
_MAX_DAYS = 14
# Some sources date a split by its announcement or its record.
_NEARBY = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A jump as a split makes it.

    Attributes
    ----------
    before, session
        The last session before it and the first one after it.
    close, open
        Of these sessions: the price that it goes from, and the one that it goes to.
    ratio
        The usual ratio that comes nearest, new shares per old: 20 where the price falls to a twentieth, below 1 where
        it rises.
    """

    before: date
    session: date
    close: float
    open: float
    ratio: float

    @property
    def factor(self) -> float:
        """Price after / price before."""
        return self.open / self.close


def find_jumps(bars: pd.DataFrame) -> Iterator[Jump]:
    """Yield the jumps that look like a split that was not applied, in order of their sessions.

    From a close to the next session's open or close the price changes by a usual ratio, give or take a tenth; both
    bars stay clear of the gap, which a crash or a rally trades through; the ticker does not move so on other days;
    and it is not traded as on great news, unless it comes to a tenth or ten times. Sessions after the jump say
    nothing, so that it is judged the same whenever that is done.

    Parameters
    ----------
    bars
        Index `session` ascending, columns `BAR_COLUMNS`; prices positive. The first ones are judged by fewer than
        `CONTEXT_SESSIONS` before them.
    """
    prices, volumes = _log_prices(bars), bars["volume"].to_numpy()
    for place in _find_steps(prices).tolist():
        step = prices[place + 1] - prices[place, 3]
        size = _find_size(step)
        recent = slice(max(place + 1 - CONTEXT_SESSIONS, 0), place + 1)
        if (
            _is_clear(prices[place], step, size)
            and not _is_ordinary(prices[recent, 3], size)
            and not _is_news(volumes[recent], volumes[place + 1], size)
        ):
            yield from _make_jump(bars.iloc[place : place + 2], size)


def explain_jump(jump: Jump, actions: Sequence[Action]) -> bool:
    """Whether a known split of about that date, or several together, make the price change so.

    It came nearer to them than to no change.
    """
    near = [
        action.value
        for action in actions
        if action.kind == "split" and jump.before - _NEARBY < action.ex_date <= jump.session + _NEARBY
    ]
    size = math.log(jump.factor)
    return any(abs(size + math.log(ratio)) < abs(math.log(ratio)) / 2 for ratio in {*near, math.prod(near)})


def is_same_jump(factor: float, other: float) -> bool:
    """Whether two jumps into one session, price after / before, are the same but for a correction of its prices."""
    return abs(math.log(factor / other)) < _TOLERANCE / 2


def moves_far(bars: pd.DataFrame) -> bool:
    """Whether any session begins so far from the one before that `find_jumps` may find something."""
    return bool(len(_find_steps(_log_prices(bars))))


def make_issue(jump: Jump, ticker: str) -> PriceIssue:
    """Say from which price to which, by which ratio, and what is to be done."""
    ratio = f"{jump.ratio:g} for 1" if jump.ratio > 1 else f"1 for {1 / jump.ratio:g}"
    return PriceIssue(
        session=jump.session,
        kind=POSSIBLE_SPLIT,
        detail=f"from the close of {jump.before} to the open of {jump.session} the price goes from "
        f"{_write(jump.close)} to {_write(jump.open)}, as by a split of {ratio} that no source told of; if it is "
        f"one, bring in prices restated for it ('stockrnn prices update --full --ticker {ticker}', or a file); if "
        f"the price really went so: 'stockrnn prices resolve --ticker {ticker} --session {jump.session}'",
        raw={"before": str(jump.before), "close": jump.close, "open": jump.open, "ratio": jump.ratio},
    )


def _write(price: float) -> str:
    return np.format_float_positional(price, precision=6, fractional=False, trim="-")


def _log_prices(bars: pd.DataFrame) -> np.ndarray:
    """Return the logarithms of open, high, low and close. Shape (n, 4)."""
    return np.asarray(np.log(bars[["open", "high", "low", "close"]].to_numpy()))


def _find_steps(prices: np.ndarray) -> np.ndarray:
    """Return the positions of bars after which all prices of the next lie far off their close. prices: (n, 4)."""
    return np.flatnonzero((np.abs(prices[1:] - prices[:-1, 3:]) > _SMALLEST / 2).all(axis=1))


def _find_size(step: np.ndarray) -> float:
    """Return the logarithm of the change by a usual ratio that open or close come nearest to; infinity where none do.

    step: log of open, high, low, close over the close before. Shape (4,).
    """
    moves = step[[0, 3]]
    distances = np.abs(np.abs(moves)[:, None] - _SIZES)  # (2, ratios)
    which, ratio = divmod(int(distances.argmin()), len(_SIZES))
    return float(np.copysign(_SIZES[ratio] if distances.min() <= _TOLERANCE else np.inf, moves[which]))


def _is_clear(before: np.ndarray, step: np.ndarray, size: float) -> bool:
    """Whether both bars stay on their side of the gap. before: log prices of the first one; shapes (4,)."""
    room = min(abs(size) / 2, _ROOM)
    return math.isfinite(size) and max(np.abs(step - size).max(), np.abs(before - before[3]).max()) < room


def _is_ordinary(closes: np.ndarray, size: float) -> bool:
    """Whether the ticker often moves by the order of `size`. closes: logs of those before the jump, shape (k,)."""
    moves = np.abs(np.diff(closes))
    return len(moves) >= _MIN_MOVES and bool(np.median(moves) * _ORDINARY > abs(size))


def _is_news(volumes: np.ndarray, volume: float, size: float) -> bool:
    """Whether more was traded than a split explains, in shares and in money. volumes: of sessions before, (k,)."""
    usual = float(np.median(volumes))
    if abs(size) > _BEYOND_NEWS or not usual > 0:
        return False
    return bool(min(volume, volume * math.exp(size)) > _NEWS * usual)


def _make_jump(bars: pd.DataFrame, size: float) -> Iterator[Jump]:
    before, session = (pd.Timestamp(day).date() for day in bars.index)
    if (session - before).days <= _MAX_DAYS:  # over a longer gap a price may go anywhere
        close, opened = float(bars["close"].iloc[0]), float(bars["open"].iloc[1])
        yield Jump(before=before, session=session, close=close, open=opened, ratio=round(math.exp(-size), 9))
