"""What recurrent cells share: a loop over time that is left with the recurrence alone, and their fresh weights.

Keras multiplies the inputs by the kernel inside the time loop, and its gradient adds up the kernels' gradients step
by step. Neither depends on the recurrence, so both are done in one large product outside the loop, which is left
with one small product per step.
"""

from collections.abc import Callable, Iterator, Sequence

from stockrnn.networks.tensorflow import Tensor, keras, tf

_Step = Callable[..., tuple[Sequence[Tensor], Sequence[Tensor]]]


class Recurrent:
    """Makes a `keras.layers.RNN`, named after it among the bases, run its loop over the recurrence alone.

    For layers whose cell has a `kernel`, a `bias` and a `recurrent_kernel`, without masking, recurrent dropout and
    carried state.
    """

    cell: Tensor
    return_sequences: bool

    def recur(self, inputs: Tensor) -> Tensor:
        """Run the recurrence over the products of the inputs (time, batch, gates * units): (time, batch, units)."""
        raise NotImplementedError

    def call(
        self,
        sequences: Tensor,
        initial_state: None = None,  # noqa: ARG002  # Keras builds the layer by these names
        mask: None = None,  # noqa: ARG002
        training: bool = False,  # noqa: ARG002, FBT001, FBT002
    ) -> Tensor:
        """Map (batch, time, features) to (batch, time, units), or to (batch, units) without `return_sequences`."""
        by_time = tf.transpose(sequences, (1, 0, 2))  # (time, batch, features)
        products = tf.tensordot(by_time, self.cell.kernel.value, 1)  # (time, batch, gates * units)
        outputs = self.recur(products + self.cell.bias.value)  # (time, batch, units)
        return tf.transpose(outputs, (1, 0, 2)) if self.return_sequences else outputs[-1]


def scan(step: _Step, steps: int, carry: Sequence[Tensor], *, widths: Sequence[int]) -> list[Tensor]:
    """Call `step(t, *carry)` for t = 0, 1, ... and stack what it emits: each (steps, batch, width)."""
    emitted = [tf.TensorArray(carry[0].dtype, steps, element_shape=(None, width)) for width in widths]

    def body(t: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        carried, values = step(t, *state[: len(carry)])
        written = (array.write(t, value) for array, value in zip(state[len(carry) :], values, strict=True))
        return (t + 1, *carried, *written)

    final = tf.while_loop(lambda t, *_: t < steps, body, (0, *carry, *emitted), maximum_iterations=steps)
    return [array.stack() for array in final[1 + len(carry) :]]


def gradient_of_kernel(outputs: Tensor, of_inputs: Tensor) -> Tensor:
    """Return the gradient of the recurrent kernel (units, gates * units), summed over all steps in one product.

    Parameters
    ----------
    outputs
        Shape (time, batch, units).
    of_inputs
        The gradient of the products of the inputs, shape (time, batch, gates * units).
    """
    previous = tf.concat([tf.zeros_like(outputs[:1]), outputs[:-1]], 0)
    units, width = outputs.shape[-1], of_inputs.shape[-1]
    return tf.matmul(tf.reshape(previous, (-1, units)), tf.reshape(of_inputs, (-1, width)), transpose_a=True)


def reset_kernels(cell: Tensor, seeds: Iterator[int]) -> None:
    """Set fresh kernels as Keras does: Glorot's uniform for the inputs, an orthogonal one for the recurrence."""
    cell.kernel.assign(keras.initializers.GlorotUniform(seed=next(seeds))(cell.kernel.shape))
    cell.recurrent_kernel.assign(keras.initializers.Orthogonal(seed=next(seeds))(cell.recurrent_kernel.shape))
