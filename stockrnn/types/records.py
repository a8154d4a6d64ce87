"""What the database keeps for good: models, forecasts, scores, backtests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from stockrnn.types.words import Kind, Market, Ruling, Span, Target

BASELINES: tuple[str, ...] = ("naive", "last_close", "drift", "moving_average")
VOLATILITY_BENCHMARKS: tuple[str, ...] = ("ewma", "gjr_garch", "har_fhs", "har_quantiles")
"""Further benchmarks of a backtest of a quantile model; `gjr_garch` where the extra is installed."""
INTERVAL_COLUMNS: tuple[str, ...] = ("lower_80", "upper_80", "lower_95", "upper_95")
ERROR_COLUMNS: tuple[str, ...] = ("ticker", "spec", "session", "scale", "predicted", *BASELINES)
"""Of tables of errors: `scale` is the last close when the forecast was issued, in quote currency; `predicted` and the
baselines are forecast minus actual, in quote currency, positive = too high."""
OUTCOME_COLUMNS: tuple[str, ...] = ("inside_80", "inside_95", "direction_correct")
"""1 or 0; NaN where there was no interval, or no direction: see `Score`."""
BACKTEST_COLUMNS: tuple[str, ...] = ("actual", "predicted", *BASELINES, "volatility", *INTERVAL_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one model in use serves.

    Attributes
    ----------
    ticker
        None: all tickers of the market.
    market
        Simulated tickers and real ones never share a model.
    """

    spec: str
    target: Target
    ticker: str | None
    market: Market


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model with all that made it.

    Attributes
    ----------
    ticker
        None: it serves all tickers of its market.
    cutoff
        The last session it was trained on.
    parent_model_id
        The model whose weights a warm training began with; None for one from scratch.
    weights, weights_sha256
        The arrays as `registry.pack_weights` wrote them, and their checksum; no bytes once they were pruned.
    config
        JSON: the spec it was trained by, and its fitted scaler or line.
    windows, loss
        How many windows it learned from; of a price model their mean loss in the last epoch, on scaled values, of a
        quantile model the pinball loss on its validation sessions, in units of volatility.
    data_sha256
        Checksum of the training values.
    """

    model_id: str
    spec: str
    ticker: str | None
    market: Market
    target: Target
    lookback: int
    trained_from: date
    cutoff: date
    parent_model_id: str | None = None
    seed: int
    epochs: int
    loss: float
    windows: int
    weights: bytes
    weights_sha256: str
    config: dict[str, Any]
    data_sha256: str
    versions: dict[str, str]
    trained_at: datetime
    train_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A decision on which model is in use.

    Attributes
    ----------
    ticker
        None: it is about one model for all tickers of the market.
    as_of
        The time of the run that decided; a run for an earlier session does not look at it. Of several the latest
        counts, so it is later than those before it unless the run itself was for an earlier session.
    previous_model_id
        The model in use before; None where there was none.
    evidence
        JSON: what the decision rests on.
    decided_at
        By the clock, but later than those before it.
    """

    promotion_id: str
    spec: str
    target: Target
    ticker: str | None
    market: Market
    model_id: str
    previous_model_id: str | None
    decision: Ruling
    reason: str
    evidence: dict[str, Any]
    as_of: datetime
    decided_at: datetime

    @property
    def scope(self) -> Scope:
        """What it is about."""
        return Scope(spec=self.spec, target=self.target, ticker=self.ticker, market=self.market)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One forecast as issued, with the baselines beside it. Prices in quote currency.

    Attributes
    ----------
    cutoff
        The last session it may know.
    target_opens_at, live_until
        When its session opens, and the moment before which it counts as live: the same, but on markets that never
        close (`market.live`).
    issued_at
        The run's time. `recorded_at` in the table is the database's own clock.
    known_at
        It rests on what is dated up to then; None: up to `issued_at`. Later only where something it rests on is dated
        later, since a clock went backwards or another run wrote it.
    naive, last_close, drift, moving_average
        What the baselines forecast at the same moment.
    volatility
        How much the target moved from session to session of late, relative; the unit of the intervals. None where
        too few sessions are known.
    lower_80, upper_80, lower_95, upper_95
        Prediction intervals; None where too few past errors were known.
    quantiles
        JSON: level to price, ascending, where the model names some: `{"0.025": 98.1, ...}`.
    window_sha256
        Checksum of the model's input window.
    """

    forecast_id: str
    ticker: str
    target: Target
    spec: str
    cutoff: date
    kind: Kind
    target_session: date
    target_opens_at: datetime
    live_until: datetime
    model_id: str
    issued_at: datetime
    predicted: float
    naive: float
    last_close: float
    drift: float
    moving_average: float
    window_sha256: str
    volatility: float | None = None
    lower_80: float | None = None
    upper_80: float | None = None
    lower_95: float | None = None
    upper_95: float | None = None
    quantiles: dict[str, float] | None = None
    known_at: datetime | None = None

    @property
    def rests_on(self) -> datetime:
        """The time up to which it may know what was written."""
        return self.known_at or self.issued_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a forecast fared, as known at `scored_at`; prices and errors in the shares of that time.

    Attributes
    ----------
    basis
        What a price of the forecast's time is multiplied by: 0.25 after a split of 4 for 1 since then.
    error, naive_error, last_close_error, drift_error, moving_average_error
        Forecast minus actual, in quote currency; positive = too high.
    inside_80, inside_95
        Whether the actual value lay in the interval, ends included; None where there was none.
    direction_correct
        Whether the forecast named the direction of the move from the last price that anyone knew: the last close, for
        `adj_close` the last adjusted close; None where nothing moved or none was named.
    pinball
        Mean pinball loss over the forecast and the ends of both intervals, in quote currency; None without intervals.
    """

    forecast_id: str
    scored_at: datetime
    basis: float
    actual: float
    error: float
    naive_error: float
    last_close_error: float
    drift_error: float
    moving_average_error: float
    inside_80: bool | None
    inside_95: bool | None
    direction_correct: bool | None
    pinball: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedNight:
    """A session that opened without a live forecast of a spec that had begun to issue some."""

    ticker: str
    target: Target
    spec: str
    target_session: date
    cutoff: date
    reason: str
    detected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRecord:
    """What became of the live forecasts of one ticker, target and spec.

    Attributes
    ----------
    errors
        One row per scored forecast, columns `ERROR_COLUMNS` and `OUTCOME_COLUMNS`, sessions ascending.
    missed
        The sessions that opened without a live forecast.
    """

    ticker: str
    target: Target
    spec: str
    errors: pd.DataFrame
    missed: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A holdout, forecast one session ahead by a model that knew nothing of it.

    Attributes
    ----------
    folds
        1: one model for the whole holdout. More: a walk forward, one model per calendar month; what is said of the
        training is then that of the first, and `losses` are the last ones of each.
    verdict
        What the errors prove, in words.
    forecasts
        Index `session`, columns `BACKTEST_COLUMNS`, in quote currency but for `volatility`, which is relative;
        intervals are NaN where too few earlier errors were known.
    metrics
        `metrics[model][metric]`; model is the spec or a baseline.
    training_sessions, windows
        Sessions the model was fitted on and the windows cut from them.
    losses
        Mean squared error of each training epoch, on scaled values.
    parameters
        How many numbers the model learned; of a walk, one fold's model.
    train_seconds
        How long the training took where it ran; of a walk, of all its folds. A model for all tickers counts in full
        in the backtest of each.
    """

    backtest_id: str
    ticker: str
    spec: str
    target: Target
    trained_from: date
    cutoff: date
    holdout: Span
    folds: int = 1
    seed: int
    epochs: int
    training_sessions: int
    windows: int
    losses: Sequence[float]
    parameters: int
    train_seconds: float
    created_at: datetime
    forecasts: pd.DataFrame
    metrics: Mapping[str, Mapping[str, float]]
    verdict: str
