"""Keras' LSTM, computed faster on a CPU: same weights, same numbers to float32 rounding, other order of work.

The equations are those of Hochreiter & Schmidhuber (1997) with the forget gate of Gers, Schmidhuber & Cummins (2000),
gates in Keras' order: input, forget, candidate, output.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stockrnn.networks.recurrence import count_back, forwards, gradient_of_kernel, scan, shift
from stockrnn.networks.recurrent_layer import Recurrent
from stockrnn.networks.tensorflow import Tensor, tf

FORGET_BIAS = 1.0
"""A fresh forget gate keeps: Jozefowicz, Zaremba & Sutskever (2015), and Keras' `unit_forget_bias`."""


class LSTM(Recurrent):
    """`keras.layers.LSTM` with its default activations and no masking, recurrent dropout or carried state."""

    gates = 4
    states = 2

    def advance(
        self,
        gates: Tensor,
        state: Sequence[Tensor],
        vectors: Sequence[Tensor],  # noqa: ARG002  # it has none
    ) -> Sequence[Tensor]:
        """Say the equations: see `recurrence.Advance`."""
        cell, output, _ = _advance(gates, state[1])
        return output, cell

    def recur(self, inputs: Tensor) -> Tensor:
        """Run the recurrence: see `Recurrent`; its gradient is written out, which is faster."""
        return _recur(inputs, self.recurrence, truncate_after=self.options.truncate_after)

    def reset(self, seeds: Iterator[int]) -> None:
        """Set fresh weights as Keras does, with a forget gate that keeps: see `cells.Cell`."""
        self.reset_kernels(seeds)
        bias = FORGET_BIAS if self.options.forget_bias is None else self.options.forget_bias
        self.bias.assign(np.repeat([0.0, bias, 0.0, 0.0], self.units))


CELL = LSTM


def _advance(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the next cell state, the output, and the gates after their activation."""
    i, f, g, o = tf.split(gates, 4, axis=-1)
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    cell = f * cell + i * g
    return cell, o * tf.tanh(cell), tf.concat([i, f, g, o], -1)


def _recur(inputs: Tensor, kernel: Tensor, *, truncate_after: int | None) -> Tensor:
    """Run the recurrence: inputs (time, batch, 4 units), kernel (units, 4 units), to (time, batch, units)."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # tensorflow has no types
    def run(inputs: Tensor, kernel: Tensor) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
        steps, units = inputs.shape[0], kernel.shape[0]
        zeros = tf.zeros((tf.shape(inputs)[1], units), inputs.dtype)

        def step(t: Tensor, output: Tensor, cell: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
            cell, output, gates = _advance(inputs[t] + tf.matmul(output, kernel), cell)
            return (output, cell), (gates, cell, output)

        gates, cells, outputs = scan(step, steps, (zeros, zeros), widths=(4 * units, units, units))

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            of_inputs = _go_back(upstream, kernel, gates, cells, steps=count_back(steps, truncate_after))
            return of_inputs, gradient_of_kernel(shift(outputs), of_inputs)

        return outputs, gradient

    return run(inputs, kernel)


def _go_back(upstream: Tensor, kernel: Tensor, gates: Tensor, cells: Tensor, *, steps: int) -> Tensor:
    """Return the gradient of `inputs` of so many last steps; all factors without a recurrence are before the loop."""
    last, units = upstream.shape[0] - 1, kernel.shape[0]
    zeros = tf.zeros_like(upstream[0])
    i, f, g, o = tf.split(gates, 4, axis=-1)
    squashed = tf.tanh(cells)
    to_cell = o * (1 - squashed * squashed)
    to_output_gate = squashed * o * (1 - o)
    to_other_gates = tf.concat([g * i * (1 - i), shift(cells) * f * (1 - f), i * (1 - g * g)], -1)
    transposed = tf.transpose(kernel)

    def step(t: Tensor, output: Tensor, cell: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        s = last - t
        output += upstream[s]
        cell += output * to_cell[s]
        gate = tf.concat([tf.tile(cell, (1, 3)) * to_other_gates[s], output * to_output_gate[s]], -1)
        return (tf.matmul(gate, transposed), cell * f[s]), (gate,)

    (backwards,) = scan(step, steps, (zeros, zeros), widths=(4 * units,))
    return forwards(backwards, upstream.shape[0])
