"""Keras' LSTM, computed faster on a CPU: same weights, same numbers to float32 rounding, other order of work.

Keras multiplies the inputs by the kernel inside the time loop, and its gradient adds up the kernels' gradients step
by step. Neither depends on the recurrence, so both are done here in one large product outside the loop, which is
left with one small product a step. The equations are those of Hochreiter & Schmidhuber (1997) with the forget gate
of Gers, Schmidhuber & Cummins (2000), gates in Keras' order: input, forget, candidate, output.
"""

from collections.abc import Callable, Sequence
from typing import Any

from stockrnn.networks.tensorflow import keras, tf

Tensor = Any
_Step = Callable[..., tuple[Sequence[Tensor], Sequence[Tensor]]]


class HoistedLSTM(keras.layers.LSTM):  # type: ignore[misc]  # keras has no types
    """`keras.layers.LSTM` with its default activations and no masking, recurrent dropout or carried state."""

    def call(
        self,
        sequences: Tensor,
        initial_state: None = None,  # noqa: ARG002  # Keras builds the layer by these names
        mask: None = None,  # noqa: ARG002
        training: bool = False,  # noqa: ARG002, FBT001, FBT002
    ) -> Tensor:
        """Map (batch, time, features) to (batch, time, units), or to (batch, units) without `return_sequences`."""
        by_time = tf.transpose(sequences, (1, 0, 2))  # (time, batch, features)
        inputs = tf.tensordot(by_time, self.cell.kernel.value, 1) + self.cell.bias.value  # (time, batch, 4 units)
        outputs = _recur(inputs, self.cell.recurrent_kernel.value)  # (time, batch, units)
        return tf.transpose(outputs, (1, 0, 2)) if self.return_sequences else outputs[-1]


@tf.custom_gradient  # type: ignore[untyped-decorator]  # tensorflow has no types
def _recur(inputs: Tensor, kernel: Tensor) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
    """Run the recurrence: inputs (time, batch, 4 units), kernel (units, 4 units), to (time, batch, units)."""
    steps, units = inputs.shape[0], kernel.shape[0]
    zeros = tf.zeros((tf.shape(inputs)[1], units), inputs.dtype)

    def step(t: Tensor, output: Tensor, cell: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        gates = inputs[t] + tf.matmul(output, kernel)
        i, f, g, o = tf.split(gates, 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        cell = f * cell + i * g
        output = o * tf.tanh(cell)
        return (output, cell), (tf.concat([i, f, g, o], -1), cell, output)

    gates, cells, outputs = _scan(step, steps, (zeros, zeros), widths=(4 * units, units, units))

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
        return _backward(upstream, kernel, gates, cells, outputs)

    return outputs, gradient


def _backward(
    upstream: Tensor, kernel: Tensor, gates: Tensor, cells: Tensor, outputs: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients of `inputs` and of `kernel`; all factors without a recurrence stand before the loop."""
    steps, units = upstream.shape[0], kernel.shape[0]
    zeros = tf.zeros_like(upstream[0])
    i, f, g, o = tf.split(gates, 4, axis=-1)
    squashed = tf.tanh(cells)
    previous_cells = tf.concat([zeros[tf.newaxis], cells[:-1]], 0)
    to_cell = o * (1 - squashed * squashed)
    to_output_gate = squashed * o * (1 - o)
    to_other_gates = tf.concat([g * i * (1 - i), previous_cells * f * (1 - f), i * (1 - g * g)], -1)
    transposed = tf.transpose(kernel)

    def step(t: Tensor, output: Tensor, cell: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        s = steps - 1 - t
        output += upstream[s]
        cell += output * to_cell[s]
        gate = tf.concat([tf.tile(cell, (1, 3)) * to_other_gates[s], output * to_output_gate[s]], -1)
        return (tf.matmul(gate, transposed), cell * f[s]), (gate,)

    (backwards,) = _scan(step, steps, (zeros, zeros), widths=(4 * units,))
    of_inputs = tf.reverse(backwards, (0,))
    previous_outputs = tf.concat([zeros[tf.newaxis], outputs[:-1]], 0)
    of_kernel = tf.matmul(
        tf.reshape(previous_outputs, (-1, units)), tf.reshape(of_inputs, (-1, 4 * units)), transpose_a=True
    )
    return of_inputs, of_kernel


def _scan(step: _Step, steps: int, carry: Sequence[Tensor], *, widths: Sequence[int]) -> list[Tensor]:
    """Call `step(t, *carry)` for t = 0, 1, ... and stack what it emits: each (steps, batch, width)."""
    emitted = [tf.TensorArray(carry[0].dtype, steps, element_shape=(None, width)) for width in widths]

    def body(t: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        carried, values = step(t, *state[: len(carry)])
        written = (array.write(t, value) for array, value in zip(state[len(carry) :], values, strict=True))
        return (t + 1, *carried, *written)

    final = tf.while_loop(lambda t, *_: t < steps, body, (0, *carry, *emitted), maximum_iterations=steps)
    return [array.stack() for array in final[1 + len(carry) :]]
