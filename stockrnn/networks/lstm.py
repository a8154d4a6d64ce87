"""Keras' LSTM, computed faster on a CPU: same weights, same numbers to float32 rounding, other order of work.

The equations are those of Hochreiter & Schmidhuber (1997) with the forget gate of Gers, Schmidhuber & Cummins (2000),
gates in Keras' order: input, forget, candidate, output.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stockrnn.networks.recurrence import Recurrent, gradient_of_kernel, reset_kernels, scan
from stockrnn.networks.tensorflow import Tensor, keras, tf


class LSTM(Recurrent, keras.layers.LSTM):  # type: ignore[misc]  # keras has no types
    """`keras.layers.LSTM` with its default activations and no masking, recurrent dropout or carried state."""

    def recur(self, inputs: Tensor) -> Tensor:
        """Run the recurrence: see `Recurrent`."""
        return _recur(inputs, self.cell.recurrent_kernel.value)

    def reset(self, seeds: Iterator[int]) -> None:
        """Set fresh weights as Keras does, with a forget gate that keeps: see `cells.Cell`."""
        reset_kernels(self.cell, seeds)
        self.cell.bias.assign(np.repeat([0.0, 1.0, 0.0, 0.0], self.units))  # Keras' unit_forget_bias


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

    gates, cells, outputs = scan(step, steps, (zeros, zeros), widths=(4 * units, units, units))

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
        of_inputs = _backward(upstream, kernel, gates, cells)
        return of_inputs, gradient_of_kernel(outputs, of_inputs)

    return outputs, gradient


def _backward(upstream: Tensor, kernel: Tensor, gates: Tensor, cells: Tensor) -> Tensor:
    """Return the gradient of `inputs`; all factors without a recurrence stand before the loop."""
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

    (backwards,) = scan(step, steps, (zeros, zeros), widths=(4 * units,))
    return tf.reverse(backwards, (0,))
