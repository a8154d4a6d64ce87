"""The recurrent networks: Keras is imported here alone, and only when something trains or predicts."""

from stockrnn.networks.quantile import Examples, fit_quantiles, predict_quantiles
from stockrnn.networks.training import WarmStart, fit_network, predict_network, versions

__all__ = [
    "Examples",
    "WarmStart",
    "fit_network",
    "fit_quantiles",
    "predict_network",
    "predict_quantiles",
    "versions",
]
