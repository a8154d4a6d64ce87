"""The recurrent networks: Keras is imported here alone, and only when something trains or predicts."""

from stockrnn.networks.cells import cell_names, cell_options
from stockrnn.networks.examples import Examples, join_examples, make_examples
from stockrnn.networks.gradients import make_fresh_weights, measure_norms, measure_reach
from stockrnn.networks.training import (
    FittedNetwork,
    OnEpoch,
    WarmStart,
    fit_network,
    predict_network,
    require_weights,
    versions,
)

__all__ = [
    "Examples",
    "FittedNetwork",
    "OnEpoch",
    "WarmStart",
    "cell_names",
    "cell_options",
    "fit_network",
    "join_examples",
    "make_examples",
    "make_fresh_weights",
    "measure_norms",
    "measure_reach",
    "predict_network",
    "require_weights",
    "versions",
]
