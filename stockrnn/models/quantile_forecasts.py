"""What a quantile model forecasts of one ticker: the networks' quantiles, corrected by that ticker's own past.

The median is that of the regressions, the common and the ticker's own. The distances of the other quantiles from it
are those of the networks, scaled as the ticker's last moves ask for (`calibration`), averaged with those of HAR on
the ticker alone (`evaluation.har`). All of it follows from the model and from the bars up to the cutoff.
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
    first = int(history.rows[0]) if len(history.rows) else 0
    past = calibration_rows(history.measured.index, first=first, wanted=rows)
    together = np.union1d(past, rows).astype(np.int64)
    inputs = history.make_inputs(together)
    newest, counted = np.isin(together, rows), np.isin(together, past)
    scale, reference = inputs.scale[newest], inputs.reference_price[newest]
    # damaged weights give any number; a forecast has to be one
    with np.errstate(over="ignore", invalid="ignore"):
        first_said = _run(model, inputs, model.members[0])
        others = [_run(model, inputs, weights, newest) for weights in model.members[1:]]
        said = _Said.of(np.mean([first_said[newest], *others], axis=0))
        past_said = _Said.of(first_said[counted])  # one network has to do for the past
        distances = calibrate(
            said.distances,
            wanted=rows,
            past=past,
            past_distances=past_said.distances,
            past_moves=history.measured["answer"].to_numpy()[past] - past_said.add_medians(model, history, past),
            levels=np.array(model.network.levels),
        )
        outer = _average_with_har(model, history, rows, distances * scale[:, np.newaxis])
        medians = said.add_medians(model, history, rows) * scale
        returns = np.sort(medians[:, np.newaxis] + outer, axis=1)
        prices = reference[:, np.newaxis] * np.exp(returns)
    return QuantileForecasts(
        returns=returns, prices=prices, widths=said.distances[:, -1] - said.distances[:, 0], seen=_flatten(inputs)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Said:
    """What networks say, in units of `scale`: what they add to the median (N,), distances from it (N, levels)."""

    middle: np.ndarray
    distances: np.ndarray

    @classmethod
    def of(cls, quantiles: np.ndarray) -> Self:
        """Take quantiles apart: shape (N, levels)."""
        middle = quantiles[:, quantiles.shape[1] // 2]
        return cls(middle=middle, distances=quantiles - middle[:, np.newaxis])

    def add_medians(self, model: Fitted, history: TickerHistory, rows: np.ndarray) -> np.ndarray:
        """Return the medians of these rows, shape (N,)."""
        return np.asarray(predict_medians(history.measured, model.median, rows) + self.middle)


def _run(model: Fitted, inputs: Inputs, weights: Weights, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Return the quantiles that one network says of some rows of inputs, in units of `scale`: shape (N, levels)."""
    return networks.predict_network(model.network, weights, inputs.x[rows], inputs.context[rows])


def _average_with_har(model: Fitted, history: TickerHistory, rows: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return the distances (N, levels), log returns, averaged with HAR's, which is fitted on all earlier years."""
    measured, levels = history.measured, model.network.levels
    terms = har_terms({str(count): measured[f"mean_{count}"] for count in HAR_SESSIONS}, measured["return"])
    sizes, moves = measured["range"].to_numpy(), (measured["answer"] * measured["scale"]).shift(1).to_numpy()
    ends = measured.index[rows]
    days = history.days_ahead.reindex(ends).to_numpy().astype("timedelta64[D]")
    years = pd.DatetimeIndex(ends.to_numpy() + days).year.to_numpy()
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
