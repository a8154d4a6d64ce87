"""The simple recurrent network: the output is fed back as it is. Elman (1990), "Finding Structure in Time"."""

from collections.abc import Sequence

from stockrnn.networks.recurrent_layer import Recurrent
from stockrnn.networks.tensorflow import Tensor, keras


class RNN(Recurrent):
    """`keras.layers.SimpleRNN`; its activation is tanh unless the options say otherwise."""

    gates = 1

    def advance(
        self,
        gates: Tensor,
        state: Sequence[Tensor],  # noqa: ARG002  # the last output is in `gates` already
        vectors: Sequence[Tensor],  # noqa: ARG002  # it has none
    ) -> Sequence[Tensor]:
        """Say the equations: see `recurrence.Advance`."""
        return (keras.activations.get(self.options.activation or "tanh")(gates),)


CELL = RNN
