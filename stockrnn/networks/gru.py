"""The gated recurrent unit of Cho et al. (2014), as Keras has it: the reset gate acts after the product.

Gates in Keras' order: update, reset, candidate.
"""

from collections.abc import Sequence

from stockrnn.networks.recurrent_layer import Recurrent
from stockrnn.networks.tensorflow import Tensor, tf


class GRU(Recurrent):
    """`keras.layers.GRU` with its default activations and no masking, recurrent dropout or carried state.

    Its candidate takes what the inputs bring and what the last output brings apart, so the recurrence sees four
    blocks: update, reset, candidate from the inputs, candidate from the last output.
    """

    gates = 3

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Two biases, of the inputs and of the recurrence, as Keras has them."""
        return 2, 3 * self.units

    @property
    def projection(self) -> tuple[Tensor, Tensor]:
        """What the inputs bring to the four blocks: nothing to the fourth one but its bias."""
        of_inputs, of_recurrence = tf.unstack(self.bias.value)
        split = (2 * self.units, self.units)
        gates, candidate = tf.split(of_recurrence, split)
        bias = tf.concat([of_inputs + tf.pad(gates, [(0, self.units)]), candidate], 0)
        return tf.pad(self.kernel.value, [(0, 0), (0, self.units)]), bias

    @property
    def recurrence(self) -> Tensor:
        """The recurrent kernel, spread over the four blocks: the third one does not see the last output."""
        gates, candidate = tf.split(self.recurrent_kernel.value, (2 * self.units, self.units), axis=1)
        return tf.concat([gates, tf.zeros_like(candidate), candidate], 1)

    def advance(
        self,
        gates: Tensor,
        state: Sequence[Tensor],
        vectors: Sequence[Tensor],  # noqa: ARG002  # it has none
    ) -> Sequence[Tensor]:
        """Say the equations: see `recurrence.Advance`."""
        update, reset, candidate, remembered = tf.split(gates, 4, axis=-1)
        update, reset = tf.sigmoid(update), tf.sigmoid(reset)
        candidate = tf.tanh(candidate + reset * remembered)
        return (update * state[0] + (1 - update) * candidate,)


CELL = GRU
