"""The LSTM whose gates see the cell's state: Gers, Schraudolph & Schmidhuber (2002).

"Learning Precise Timing with LSTM Recurrent Networks", Journal of Machine Learning Research 3. A peephole is
diagonal: each unit's gate sees the state of its own cell alone, so it has one weight per unit. Input and forget gate
see the state before the step, the output gate the one after it.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from stockrnn.networks.lstm import LSTM
from stockrnn.networks.recurrent_layer import Recurrent
from stockrnn.networks.tensorflow import Tensor, tf
from stockrnn.types.networks import Gate

_ALL: tuple[Gate, ...] = ("input", "forget", "output")


class PeepholeLSTM(LSTM):
    """The LSTM with peepholes to the gates that its options name, by default to all three.

    Beside the LSTM's weights it has `peephole_kernel`, (peepholes, units), in the order input, forget, output. They
    begin at zero: a fresh network is the LSTM.
    """

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of that shape."""
        super().build(input_shape)
        asked = _ALL if self.options.peepholes is None else self.options.peepholes
        self.peepholes = tuple(gate for gate in _ALL if gate in asked)
        shape = (len(self.peepholes), self.units)
        self.peephole_kernel = self.add_weight(shape=shape, initializer="zeros", name="peephole_kernel")

    @property
    def vectors(self) -> Sequence[Tensor]:
        """The peepholes that there are."""
        return tuple(tf.unstack(self.peephole_kernel.value))

    def advance(self, gates: Tensor, state: Sequence[Tensor], vectors: Sequence[Tensor]) -> Sequence[Tensor]:
        """Say the equations: see `recurrence.Advance`."""
        peephole = dict(zip(self.peepholes, vectors, strict=True))
        i, f, g, o = tf.split(gates, 4, axis=-1)
        cell = state[1]
        i, f = tf.sigmoid(_look(i, cell, peephole.get("input"))), tf.sigmoid(_look(f, cell, peephole.get("forget")))
        cell = f * cell + i * tf.tanh(g)
        return tf.sigmoid(_look(o, cell, peephole.get("output"))) * tf.tanh(cell), cell

    def recur(self, inputs: Tensor) -> Tensor:
        """Run the recurrence: see `Recurrent`."""
        return Recurrent.recur(self, inputs)

    def reset(self, seeds: Iterator[int]) -> None:
        """Set fresh weights: the LSTM's, and no peepholes yet."""
        super().reset(seeds)
        self.peephole_kernel.assign(np.zeros(self.peephole_kernel.shape))


CELL = PeepholeLSTM


def _look(gate: Tensor, cell: Tensor, peephole: Tensor | None) -> Tensor:
    return gate if peephole is None else gate + peephole * cell
