"""The built-in simulated market: prices with known properties, without a network.

Every ticker is a random walk in logs (no trend, nothing to learn) with fat tails and volatility clustering,
as real returns have: GARCH(1,1) (Bollerslev 1986) with Student-t shocks. Two names are special: `RANDOM_WALK`
has Gaussian shocks of constant size, and `SIGNAL` reverts to its mean in a way that a model can learn.
"""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256

import numpy as np
import pandas as pd

from stockrnn.errors import NoPriceDataError
from stockrnn.market.calendars import Calendar
from stockrnn.settings import Settings
from stockrnn.sources.source import Fetch, Source
from stockrnn.types import BAR_COLUMNS, Download, Span

FIRST_SESSION = date(2010, 1, 4)
RANDOM_WALK = "SIM-WALK"
SIGNAL = "SIM-SIGNAL"
DEMO_TICKERS = (RANDOM_WALK, SIGNAL, "SIM-FAT")

SIGNAL_PHI = 0.5
SIGNAL_LEVEL = 100.0
OVERNIGHT_SHARE = 0.3

_TITLE = "the simulated market"
_SESSIONS_A_YEAR = 252
_TAIL_DF = 5.0
_ARCH, _GARCH = 0.07, 0.90
# Beyond the body of a candle, in units of the day's volatility.
_WICK = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class _Character:
    """What sets one ticker apart.

    Attributes
    ----------
    level
        The price before the first session, in quote currency; what `phi` below 1 reverts to.
    volatility
        Standard deviation of a day's log return, in the long run.
    phi
        How much of the log distance to `level` is left at the next open; 1 for a random walk.
    tail_df
        Degrees of freedom of the shocks; None for Gaussian ones.
    arch, garch
        Weights of yesterday's squared return and variance in today's variance.
    volume
        Median of the shares traded on a day of ordinary volatility.
    """

    level: float
    volatility: float
    phi: float
    tail_df: float | None
    arch: float
    garch: float
    volume: float


def fetch_simulated(ticker: str, span: Span, calendar: Calendar) -> Download:
    """Return the bars of the sessions in `span`, from `FIRST_SESSION` on; there are no corporate actions.

    Raises
    ------
    NoPriceDataError
        `span` ends before the market begins.
    """
    if span.last < FIRST_SESSION:
        raise NoPriceDataError(ticker, f"it begins on {FIRST_SESSION}", source=_TITLE)
    frame = simulate_bars(ticker, calendar.sessions(FIRST_SESSION, span.last))
    return Download(
        rows=frame.loc[pd.Timestamp(span.first) :].reset_index(),
        actions=(),
        issues=(),
        currency=None,
        timezone=calendar.timezone,
    )


def simulate_bars(ticker: str, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Return the bars of `ticker`, which depend on its name and on nothing else.

    The first n bars are the same however many sessions follow, so pass the sessions from `FIRST_SESSION` on.

    Returns
    -------
    pd.DataFrame
        Index `session`, columns `BAR_COLUMNS`: float64, positive, no NaN, prices in quote currency, no
        dividends.
    """
    character_rng, *rngs = _spawn(ticker, 6)
    character = _make_character(ticker, character_rng)
    overnight, intraday = _make_shocks(character, rngs[0], rngs[1], len(sessions))
    volatility = _make_volatility(character, overnight + intraday)
    distance = _make_path(character.phi, overnight * volatility, intraday * volatility)
    opens, closes = character.level * np.exp(distance)
    bars = {
        "open": opens,
        "high": np.maximum(opens, closes) * _make_wicks(rngs[2], volatility),
        "low": np.minimum(opens, closes) / _make_wicks(rngs[3], volatility),
        "close": closes,
        "adj_close": closes,
        "volume": _make_volume(character, rngs[4], volatility, overnight + intraday),
    }
    return pd.DataFrame(bars, index=sessions.rename("session"), columns=list(BAR_COLUMNS))


def expected_next_open(close: float | np.ndarray) -> np.ndarray:
    """Return the best forecast of `SIGNAL`'s next open that anyone can make: its median, the mean in logs.

    With d = log(price / `SIGNAL_LEVEL`), a day is

        d_open[t+1] = phi * d_close[t] + overnight[t+1],    d_close[t+1] = d_open[t+1] + intraday[t+1]

    where overnight and intraday have the shares w and 1 - w of a variance v. The close carries the variance
    v / (1 - phi**2), so the mean squared errors of a forecast of d_open[t+1] are

        this one           v * w
        last_close         v * (w + (1 - phi) / (1 + phi))
        naive              v * 2 * (w + phi**2 * (1 - w)) / (1 + phi)
        past opens only    v * (w + phi**2 * (1 - w))

    the last because opens alone follow an AR(1) with shocks phi * intraday[t] + overnight[t+1]. At phi = 0.5
    naive and last_close are equally good for every w. With w = 0.3 the best RMSE is sqrt(0.3 / 0.6333), 0.688
    times either; a linear model that sees only opens can't get below sqrt((1 + phi) / 2), 0.866 times either.
    """
    return np.asarray(SIGNAL_LEVEL ** (1 - SIGNAL_PHI) * close**SIGNAL_PHI)


def _spawn(ticker: str, count: int) -> list[np.random.Generator]:
    """Return generators, one for each kind of draw: no draw depends on how many of another kind there are."""
    seeds = np.random.SeedSequence(int.from_bytes(sha256(ticker.encode()).digest()))
    return [np.random.Generator(np.random.PCG64(seed)) for seed in seeds.spawn(count)]


def _make_character(ticker: str, rng: np.random.Generator) -> _Character:
    level, annual, volume = rng.uniform([20, 0.25, 14], [300, 0.35, 18])
    constant = ticker == RANDOM_WALK
    return _Character(
        level=SIGNAL_LEVEL if ticker == SIGNAL else level,
        volatility=annual / np.sqrt(_SESSIONS_A_YEAR),
        phi=SIGNAL_PHI if ticker == SIGNAL else 1.0,
        tail_df=None if constant else _TAIL_DF,
        arch=0.0 if constant else _ARCH,
        garch=0.0 if constant else _GARCH,
        volume=np.exp(volume),
    )


def _make_shocks(
    character: _Character, overnight: np.random.Generator, intraday: np.random.Generator, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the shocks before and during each session, in units of the day's volatility. Shapes (n,)."""
    return (
        np.sqrt(OVERNIGHT_SHARE) * _draw_shocks(overnight, character.tail_df, n),
        np.sqrt(1 - OVERNIGHT_SHARE) * _draw_shocks(intraday, character.tail_df, n),
    )


def _draw_shocks(rng: np.random.Generator, tail_df: float | None, n: int) -> np.ndarray:
    """Return n shocks of variance 1."""
    if tail_df is None:
        return rng.standard_normal(n)
    return np.asarray(rng.standard_t(tail_df, n) * np.sqrt((tail_df - 2) / tail_df))


def _make_volatility(character: _Character, shocks: np.ndarray) -> np.ndarray:
    """Return each day's volatility, known before the day. shocks: in units of it. Shapes (n,)."""
    long_run = character.volatility**2
    floor = long_run * (1 - character.arch - character.garch)
    variance, variances = long_run, []
    for growth in (character.garch + character.arch * shocks**2).tolist():
        variances.append(variance)
        variance = floor + growth * variance
    return np.asarray(np.sqrt(variances))


def _make_path(phi: float, overnight: np.ndarray, intraday: np.ndarray) -> np.ndarray:
    """Return the log distance of opens and closes to the level. Shape (2, n)."""
    distance, opens, closes = 0.0, [], []
    for gap, move in zip(overnight.tolist(), intraday.tolist(), strict=True):
        opens.append(phi * distance + gap)
        distance = opens[-1] + move
        closes.append(distance)
    return np.array([opens, closes])


def _make_wicks(rng: np.random.Generator, volatility: np.ndarray) -> np.ndarray:
    """Return by what factor each day's range goes beyond open and close, at least 1. Shape (n,)."""
    return np.asarray(np.exp(_WICK * volatility * np.abs(rng.standard_normal(len(volatility)))))


def _make_volume(
    character: _Character, rng: np.random.Generator, volatility: np.ndarray, shocks: np.ndarray
) -> np.ndarray:
    """Return shares traded, whole numbers: more on volatile days and on days of large moves. Shape (n,)."""
    busy = 0.7 * np.log(volatility / character.volatility) + 0.3 * np.abs(shocks)
    return np.asarray(np.round(character.volume * np.exp(busy + 0.25 * rng.standard_normal(len(volatility)))))


def _open(_settings: Settings) -> Fetch:
    return fetch_simulated


SOURCE = Source(
    name="simulated", title=_TITLE, open=_open, simulated=True, begins=FIRST_SESSION, default_tickers=DEMO_TICKERS
)
