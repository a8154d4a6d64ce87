"""A recurrent layer of Keras: its weights, and how it runs; the equations are those of the cell that it is."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from stockrnn.networks.recurrence import run_recurrence
from stockrnn.networks.tensorflow import Tensor, keras, tf
from stockrnn.types.networks import CellOptions, RecurrentInitializer


class Recurrent(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """A recurrent layer with the weights that Keras' own have, in their order.

    A subclass says its equations (`advance`) and its fresh weights (`reset`); where it has further weights, or makes
    something else of those, it adds or prepares them. Weights are zero until `reset` or `set_weights`.

    Attributes
    ----------
    gates
        How many blocks of units the kernels have: gates and candidates.
    states
        How many tensors are carried from step to step: the output, and whatever else.
    """

    gates: ClassVar[int]
    states: ClassVar[int] = 1

    def __init__(self, units: int, *, options: CellOptions, return_sequences: bool) -> None:
        super().__init__()
        self.units, self.options, self.return_sequences = units, options, return_sequences

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of that shape."""
        width = self.gates * self.units
        self.kernel = self.add_weight(shape=(input_shape[-1], width), initializer="zeros", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, width), initializer="zeros", name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=self.bias_shape, initializer="zeros", name="bias")

    def call(self, sequences: Tensor) -> Tensor:
        """Map (batch, time, features) to (batch, time, units), or to (batch, units) without `return_sequences`."""
        by_time = tf.transpose(sequences, (1, 0, 2))  # (time, batch, features)
        outputs = self.recur(self.project(by_time))  # (time, batch, units)
        return tf.transpose(outputs, (1, 0, 2)) if self.return_sequences else outputs[-1]

    def project(self, by_time: Tensor) -> Tensor:
        """Say what the inputs (time, batch, features) bring to the gates: (time, batch, gates * units)."""
        kernel, bias = self.projection
        return tf.tensordot(by_time, kernel, 1) + bias

    def recur(self, inputs: Tensor) -> Tensor:
        """Run the recurrence over what the inputs bring, (time, batch, gates * units), to (time, batch, units)."""
        return run_recurrence(
            self.advance,
            inputs,
            self.recurrence,
            self.vectors,
            states=self.states,
            truncate_after=self.options.truncate_after,
        )

    def last_output(self, sequences: Tensor) -> Tensor:
        """Map (batch, time, features) to (batch, units) as `call` does to float32 rounding, five times as fast.

        Nothing is kept for a gradient, and a step's inputs are multiplied in one product with the last output.
        """
        by_time = tf.transpose(sequences, (1, 0, 2))  # (time, batch, features)
        steps, vectors = by_time.shape[0], self.vectors
        kernel, bias = self.projection
        if self.recurrence is not None:
            kernel = tf.concat([kernel, self.recurrence], 0)
        zeros = tf.zeros((tf.shape(by_time)[1], self.units), by_time.dtype)

        def step(t: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            seen = by_time[t] if self.recurrence is None else tf.concat([by_time[t], state[0]], 1)
            return (t + 1, *self.advance(tf.matmul(seen, kernel) + bias, state, vectors))

        begin = (0, *[zeros] * self.states)
        return tf.while_loop(lambda t, *_: t < steps, step, begin, maximum_iterations=steps)[1]

    @property
    def projection(self) -> tuple[Tensor, Tensor]:
        """What the inputs are multiplied by, (features, gates * units), and what is added, (gates * units,)."""
        return self.kernel.value, self.bias.value

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """The shape of the bias: one per unit of each gate."""
        return (self.gates * self.units,)

    @property
    def recurrence(self) -> Tensor | None:
        """What the last output is multiplied by, (units, gates * units); None: the gates don't see it."""
        return self.recurrent_kernel.value

    @property
    def vectors(self) -> Sequence[Tensor]:
        """Further weights of the equations: each (units,)."""
        return ()

    @property
    def penalized(self) -> Sequence[Tensor]:
        """The weights that penalties are on: input and recurrent ones, no biases."""
        return (self.kernel.value, self.recurrent_kernel.value)

    def advance(self, gates: Tensor, state: Sequence[Tensor], vectors: Sequence[Tensor]) -> Sequence[Tensor]:
        """Say the equations: see `Advance`."""
        raise NotImplementedError

    def reset(self, seeds: Iterator[int]) -> None:
        """Set fresh weights: see `cells.Cell`."""
        self.reset_kernels(seeds)
        self.bias.assign(np.zeros(self.bias.shape))

    def reset_kernels(self, seeds: Iterator[int]) -> None:
        """Set fresh kernels as Keras does: Glorot's uniform for the inputs, an orthogonal one for the recurrence."""
        self.kernel.assign(keras.initializers.GlorotUniform(seed=next(seeds))(self.kernel.shape))
        how = self.options.recurrent_initializer or "orthogonal"
        self.recurrent_kernel.assign(_make_kernel(how, self.recurrent_kernel.shape, seed=next(seeds)))


def _make_kernel(how: RecurrentInitializer, shape: Sequence[int], *, seed: int) -> Tensor:
    if how == "identity":  # Le, Jaitly & Hinton (2015), "A Simple Way to Initialize Recurrent Networks of ReLUs"
        return np.tile(np.eye(shape[0], dtype=np.float32), shape[1] // shape[0])
    draw = keras.initializers.Orthogonal if how == "orthogonal" else keras.initializers.GlorotUniform
    return draw(seed=seed)(shape)
