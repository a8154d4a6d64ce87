"""The minimal LSTM: its gates don't see the state, so that all steps are one product and a scan.

Feng et al. (2024), "Were RNNs All We Needed?", arXiv 2410.01201. Gates in this order: forget, input, candidate. The
two gates are divided by their sum; the candidate has no activation, and the state is the output.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from stockrnn.networks.lstm import FORGET_BIAS
from stockrnn.networks.recurrence import count_back
from stockrnn.networks.recurrent_layer import Recurrent
from stockrnn.networks.tensorflow import Tensor, keras, tf


class MinimalLSTM(Recurrent):
    """A recurrence that is linear in the state: output = keep * last output + (1 - keep) * candidate."""

    gates = 3

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of that shape; none are recurrent."""
        shape = (input_shape[-1], 3 * self.units)
        self.kernel = self.add_weight(shape=shape, initializer="zeros", name="kernel")
        self.bias = self.add_weight(shape=self.bias_shape, initializer="zeros", name="bias")

    def recur(self, inputs: Tensor) -> Tensor:
        """Run the recurrence for all steps at once: see `Recurrent`."""
        steps = inputs.shape[0]
        untouched = steps - count_back(steps, self.options.truncate_after)
        if untouched:
            inputs = tf.concat([tf.stop_gradient(inputs[:untouched]), inputs[untouched:]], 0)
        keep, candidate = _open(inputs)
        return scan_linear(keep, (1 - keep) * candidate)

    @property
    def recurrence(self) -> None:
        """Nothing: the gates don't see the last output."""
        return

    @property
    def penalized(self) -> Sequence[Tensor]:
        """The weights of the inputs."""
        return (self.kernel.value,)

    def advance(
        self,
        gates: Tensor,
        state: Sequence[Tensor],
        vectors: Sequence[Tensor],  # noqa: ARG002  # it has none
    ) -> Sequence[Tensor]:
        """Say the equations step by step: see `recurrence.Advance`."""
        keep, candidate = _open(gates)
        return (keep * state[0] + (1 - keep) * candidate,)

    def reset(self, seeds: Iterator[int]) -> None:
        """Set fresh weights, with a forget gate that keeps: see `cells.Cell`."""
        self.kernel.assign(keras.initializers.GlorotUniform(seed=next(seeds))(self.kernel.shape))
        bias = FORGET_BIAS if self.options.forget_bias is None else self.options.forget_bias
        self.bias.assign(np.repeat([bias, 0.0, 0.0], self.units))


CELL = MinimalLSTM


def _open(gates: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share of the state that is kept, and the candidate for the rest."""
    f, i, candidate = tf.split(gates, 3, axis=-1)
    f, i = tf.sigmoid(f), tf.sigmoid(i)
    return f / (f + i), candidate


def scan_linear(keep: Tensor, added: Tensor) -> Tensor:
    """Return h of h[t] = keep[t] * h[t-1] + added[t], h before the first one being 0: all (time, batch, units).

    Steps are joined two by two, then four by four, and so on (Hillis & Steele 1986, "Data Parallel Algorithms").
    """
    distance = 1
    while distance < added.shape[0]:
        reach = [(distance, 0), (0, 0), (0, 0)]
        added += keep * tf.pad(added[:-distance], reach)
        keep *= tf.pad(keep[:-distance], reach)
        distance *= 2
    return added
