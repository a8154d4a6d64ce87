"""The LSTM with a coupled gate: what is forgotten is what is written, f = 1 - i.

Greff et al. (2017), "LSTM: A Search Space Odyssey" (CIFG). Gates in this order: input, candidate, output.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from stockrnn.networks.lstm import FORGET_BIAS
from stockrnn.networks.recurrent_layer import Recurrent
from stockrnn.networks.tensorflow import Tensor, tf


class CoupledLSTM(Recurrent):
    """An LSTM that has no forget gate of its own: three quarters of the weights."""

    gates = 3
    states = 2

    def advance(
        self,
        gates: Tensor,
        state: Sequence[Tensor],
        vectors: Sequence[Tensor],  # noqa: ARG002  # it has none
    ) -> Sequence[Tensor]:
        """Say the equations: see `recurrence.Advance`."""
        i, g, o = tf.split(gates, 3, axis=-1)
        i = tf.sigmoid(i)
        cell = (1 - i) * state[1] + i * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(cell), cell

    def reset(self, seeds: Iterator[int]) -> None:
        """Set fresh weights; the bias of a forget gate is that of the input gate turned round."""
        self.reset_kernels(seeds)
        bias = FORGET_BIAS if self.options.forget_bias is None else self.options.forget_bias
        self.bias.assign(np.repeat([-bias, 0.0, 0.0], self.units))


CELL = CoupledLSTM
