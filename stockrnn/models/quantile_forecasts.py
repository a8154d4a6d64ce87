"""What a quantile model forecasts of one ticker: the networks' quantiles, corrected by that ticker's own past.

The median is that of the regressions, the common and the ticker's own. The distances of the other quantiles from it
are those of the networks, scaled as the ticker's last moves ask for (`calibration`), averaged with those of HAR on the
ticker alone (`evaluation.har`). All of it follows from the model and from the bars up to the cutoff.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import pandas as pd

from stockrnn import networks
from stockrnn.evaluation.har import HAR_SESSIONS, HarVolatility, har_terms
from stockrnn.models.calibration import calibrate, calibration_rows
from stockrnn.models.features import Inputs, make_inputs, measure, whole_windows
from stockrnn.models.median_regression import MedianRegression
from stockrnn.models.quantile_examples import predict_medians
from stockrnn.types import Network, Target, Weights

HAR_SHARE = 0.25
"""The weight of HAR's distances beside those of the networks, where two years are known."""


class Fitted(Protocol):
    """What of a fitted model the forecasts rest on."""

    @property
    def network(self) -> Network:
        """The networks' shape."""

    @property
    def median(self) -> MedianRegression:
        """The median of all tickers."""

    @property
    def members(self) -> tuple[Weights, ...]:
        """The networks' weights."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantileForecasts:
    """Forecasts of one ticker, one row per session that was forecast from.

    Attributes
    ----------
    returns
        Quantiles of the log return from the reference price to the next target, ascending: shape (N, levels).
    prices
        The same as prices, in quote currency.
    widths
        How far apart the networks set the outermost quantiles, in units of `Inputs.scale`: shape (N,).
    seen
        Every number that went into the networks, in a fixed order.
    """

    returns: np.ndarray
    prices: np.ndarray
    widths: np.ndarray
    seen: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickerHistory:
    """The bars of one ticker, measured.

    Attributes
    ----------
    measured
        As `features.measure` returns it.
    rows
        Positions in it that can be forecast from.
    """

    measured: pd.DataFrame
    days_ahead: pd.Series
    lookback: int
    rows: np.ndarray

    @classmethod
    def of(cls, bars: pd.DataFrame, days_ahead: pd.Series, *, target: Target, lookback: int) -> Self:
        """Measure bars: index `session`, ascending, columns `BAR_COLUMNS`."""
        rows = whole_windows(len(bars), lookback=lookback)
        return cls(measured=measure(bars, target=target), days_ahead=days_ahead, lookback=lookback, rows=rows)

    def make_inputs(self, rows: np.ndarray) -> Inputs:
        """Return what the networks see of these rows."""
        return make_inputs(self.measured, self.days_ahead, lookback=self.lookback, rows=rows)


def forecast_rows(model: Fitted, history: TickerHistory, rows: np.ndarray) -> QuantileForecasts:
    """Forecast the session after each of these rows, ascending ones of `history.rows`, from what was known there."""
    inputs = history.make_inputs(rows)
    middle = len(model.network.levels) // 2
    # damaged weights give any number; a forecast has to be one
    with np.errstate(over="ignore", invalid="ignore"):
        said = _run(model, inputs, model.members)
        medians = predict_medians(history.measured, model.median, rows) + said[:, middle]
        distances, seen = _calibrate(model, history, rows, said - said[:, [middle]])
        outer = _average_with_har(model, history, rows, distances * inputs.scale[:, np.newaxis])
        returns = np.sort((medians * inputs.scale)[:, np.newaxis] + outer, axis=1)
        prices = inputs.reference_price[:, np.newaxis] * np.exp(returns)
    return QuantileForecasts(
        returns=returns,
        prices=prices,
        widths=said[:, -1] - said[:, 0],
        seen=np.concatenate([_flatten(inputs), seen]),
    )


def _run(model: Fitted, inputs: Inputs, members: tuple[Weights, ...]) -> np.ndarray:
    """Return the mean of the networks' quantiles, in units of `scale`: shape (N, levels)."""
    said = [networks.predict_network(model.network, weights, inputs.x, inputs.context) for weights in members]
    return np.asarray(np.mean(said, axis=0))


def _calibrate(
    model: Fitted, history: TickerHistory, rows: np.ndarray, distances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances as the ticker's last moves ask for, and what the network saw of these.

    One network has to do for the past: a night has no time for all.
    """
    first = int(history.rows[0]) if len(history.rows) else 0
    past = calibration_rows(history.measured.index, first=first, wanted=rows)
    inputs = history.make_inputs(past)
    middle = len(model.network.levels) // 2
    said = _run(model, inputs, model.members[:1])
    medians = predict_medians(history.measured, model.median, past) + said[:, middle]
    calibrated = calibrate(
        distances,
        wanted=rows,
        past=past,
        past_distances=said - said[:, [middle]],
        past_moves=history.measured["answer"].to_numpy()[past] - medians,
        levels=np.array(model.network.levels),
    )
    return calibrated, _flatten(inputs)


def _average_with_har(model: Fitted, history: TickerHistory, rows: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return the distances (N, levels), log returns, averaged with HAR's, which is fitted on all earlier years."""
    measured, levels = history.measured, model.network.levels
    terms = har_terms({str(count): measured[f"mean_{count}"] for count in HAR_SESSIONS}, measured["return"])
    sizes, moves = measured["range"].to_numpy(), (measured["answer"] * measured["scale"]).shift(1).to_numpy()
    ahead = measured.index[rows] + pd.to_timedelta(history.days_ahead.reindex(measured.index[rows]), unit="D")
    years = pd.DatetimeIndex(ahead).year.to_numpy()
    averaged = distances.copy()
    for year in np.unique(years):
        known = int(measured.index.searchsorted(pd.Timestamp(year=year, month=1, day=1)))
        fitted = HarVolatility.fit(terms[:known], sizes[:known], moves[:known], levels=levels)
        if fitted is not None:
            here = years == year
            said = fitted.forecast(terms[rows[here]])
            said -= said[:, [len(levels) // 2]]
            averaged[here] = (1 - HAR_SHARE) * distances[here] + HAR_SHARE * said
    return averaged


def _flatten(inputs: Inputs) -> np.ndarray:
    parts = (inputs.x, inputs.context, inputs.scale, inputs.reference_price)
    return np.concatenate([part.ravel().astype(np.float64) for part in parts])
