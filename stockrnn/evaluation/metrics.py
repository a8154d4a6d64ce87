"""How far forecasts were off. Every metric names its unit and its sign.

Arrays have shape (N,), oldest first, no NaN, in quote currency. `reference` is the last price that anyone knew when
each forecast was issued, see `benchmarks.direction_reference`.
"""

from collections.abc import Mapping

import numpy as np


def rmse(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Root mean squared error, in quote currency; 0 is perfect."""
    return float(np.sqrt(np.mean((predicted - actual) ** 2)))


def mae(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Mean absolute error, in quote currency; 0 is perfect."""
    return float(np.mean(np.abs(predicted - actual)))


def mape(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Mean absolute error in percent of the actual value; 0 is perfect."""
    return float(100 * np.mean(np.abs((predicted - actual) / actual)))


def bias(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Mean of forecast minus actual, in quote currency; positive = too high."""
    return float(np.mean(predicted - actual))


def directional_accuracy(actual: np.ndarray, predicted: np.ndarray, reference: np.ndarray) -> float:
    """Share of sessions, 0 to 1, in which the forecast named the direction of the move from `reference`.

    Sessions that did not move, or for which the forecast names no direction, are left out; NaN if none is left.
    """
    moved, named = np.sign(actual - reference), np.sign(predicted - reference)
    counted = (moved != 0) & (named != 0)
    return float(np.mean(moved[counted] == named[counted])) if counted.any() else float("nan")


def compute_metrics(
    actual: np.ndarray, forecasts: Mapping[str, np.ndarray], *, reference: np.ndarray
) -> dict[str, dict[str, float]]:
    """Score several forecasts of the same sessions, each beside naive.

    Parameters
    ----------
    forecasts
        Model name -> forecast, among them `naive`.

    Returns
    -------
    dict
        `[model][metric]`. `relative_mae` is the MAE over naive's (below 1 is better than naive), `skill` is
        1 - `relative_mae` (positive is better than naive); both NaN where naive made no error at all.
    """
    naive_mae = mae(actual, forecasts["naive"])
    scores = {}
    for model, predicted in forecasts.items():
        relative = mae(actual, predicted) / naive_mae if naive_mae > 0 else float("nan")
        scores[model] = {
            "rmse": rmse(actual, predicted),
            "mae": mae(actual, predicted),
            "mape": mape(actual, predicted),
            "bias": bias(actual, predicted),
            "directional_accuracy": directional_accuracy(actual, predicted, reference),
            "relative_mae": relative,
            "skill": 1 - relative,
        }
    return scores


def coverage(actual: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> float:
    """Share of sessions, 0 to 1, whose actual value lay in the interval, ends included; NaN where there is none."""
    inside = (actual >= lower) & (actual <= upper)
    return float(np.mean(inside)) if len(inside) else float("nan")


def pinball(actual: np.ndarray, quantiles: Mapping[float, np.ndarray]) -> float:
    """Mean pinball loss over sessions and quantiles, in quote currency; 0 is perfect.

    Koenker & Bassett (1978): level * (actual - q) where the actual value is above q, (1 - level) * (q - actual) else.

    Parameters
    ----------
    quantiles
        Level, 0 to 1, -> forecast quantile, shape (N,).
    """
    return float(np.mean(pinball_losses(actual, quantiles)))


def pinball_losses(actual: np.ndarray, quantiles: Mapping[float, np.ndarray]) -> np.ndarray:
    """Return the pinball loss of each session, the mean over its quantiles: shape (N,). See `pinball`."""
    losses = [np.maximum(level * (actual - q), (level - 1) * (actual - q)) for level, q in quantiles.items()]
    return np.asarray(np.mean(losses, axis=0))


def interval_score(actual: np.ndarray, lower: np.ndarray, upper: np.ndarray, *, level: float) -> float:
    """Mean width of the intervals plus 2 / (1 - level) times how far outside the actual value lay; lower is better.

    In quote currency. Gneiting & Raftery (2007), "Strictly Proper Scoring Rules", equation 43.
    """
    outside = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
    return float(np.mean(upper - lower + 2 / (1 - level) * outside))
