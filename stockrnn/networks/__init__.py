"""The recurrent networks: Keras is imported here alone, and only when something trains or predicts."""

from stockrnn.networks.training import fit_network, predict_network, versions

__all__ = ["fit_network", "predict_network", "versions"]
