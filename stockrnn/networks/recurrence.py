"""What recurrent cells share: a loop over time that is left with the recurrence alone, and its gradient.

Keras multiplies the inputs by the kernel inside the time loop, and its gradient adds up the kernels' gradients step
by step. Neither depends on the recurrence, so both are done in one large product outside the loop, which is left
with one small product per step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from stockrnn.networks.tensorflow import Tensor, tf

_Step: TypeAlias = Callable[..., tuple[Sequence[Tensor], Sequence[Tensor]]]


class Advance(Protocol):
    """The equations of a cell: from the state before a step to the state after it."""

    def __call__(self, gates: Tensor, state: Sequence[Tensor], vectors: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the next state, the output first.

        Parameters
        ----------
        gates
            What the inputs and the last output say to each gate, before any activation: (batch, gates * units).
        state
            The last state, the output first: each (batch, units).
        vectors
            Further weights: each (units,).
        """


def run_recurrence(
    advance: Advance,
    inputs: Tensor,
    kernel: Tensor,
    vectors: Sequence[Tensor],
    *,
    states: int,
    truncate_after: int | None = None,
) -> Tensor:
    """Run a cell's equations over time; their gradient by backpropagation through time.

    Werbos (1990), "Backpropagation Through Time: What It Does and How to Do It".

    Parameters
    ----------
    advance, vectors
        The cell's equations and further weights: see `Advance`.
    inputs
        What the inputs bring, (time, batch, gates * units).
    kernel
        What the last output is multiplied by, (units, gates * units).
    states
        How many tensors are carried, the output first.
    truncate_after
        The gradient is that of so many last steps; None: of all.

    Returns
    -------
    Tensor
        All outputs, (time, batch, units).
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # tensorflow has no types
    def run(inputs: Tensor, kernel: Tensor, *vectors: Tensor) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
        steps, units = inputs.shape[0], kernel.shape[0]
        zeros = tf.zeros((tf.shape(inputs)[1], units), inputs.dtype)

        def step(t: Tensor, *state: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
            gates = inputs[t] + tf.matmul(state[0], kernel)
            state = tuple(advance(gates, state, vectors))
            return state, (gates, *state)

        gates, *passed = scan(step, steps, [zeros] * states, widths=(kernel.shape[1], *[units] * states))

        def gradient(upstream: Tensor) -> list[Tensor]:
            before = [shift(one) for one in passed]
            passed_through = _Forward(gates=gates, before=before, kernel=kernel, vectors=vectors)
            steps_back = count_back(steps, truncate_after)
            of_inputs, of_vectors = _go_back(advance, passed_through, upstream, steps=steps_back)
            return [of_inputs, gradient_of_kernel(before[0], of_inputs), *of_vectors]

        return passed[0], gradient

    return run(inputs, kernel, *vectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forward:
    """What the way back needs of the forward pass: what each gate was told, and the states before each step."""

    gates: Tensor
    before: Sequence[Tensor]
    kernel: Tensor
    vectors: Sequence[Tensor]


def _go_back(advance: Advance, forward: _Forward, upstream: Tensor, *, steps: int) -> tuple[Tensor, Sequence[Tensor]]:
    """Return the gradients of the inputs and of the vectors, going back so many steps.

    The equations of a step are differentiated where they are needed, so a cell says them once.
    """
    last, states = upstream.shape[0] - 1, len(forward.before)
    transposed = tf.transpose(forward.kernel)

    def step(t: Tensor, *carry: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        s = last - t
        of_state, so_far = [carry[0] + upstream[s], *carry[1:states]], carry[states:]
        known = [forward.gates[s], *(one[s] for one in forward.before), *forward.vectors]
        with tf.GradientTape() as tape:
            tape.watch(known)
            state = advance(known[0], known[1 : 1 + states], known[1 + states :])
        found = tape.gradient(state, known, of_state, unconnected_gradients="zero")
        of_gates, of_before, of_vectors = found[0], found[1 : 1 + states], found[1 + states :]
        of_before[0] += tf.matmul(of_gates, transposed)
        return (*of_before, *(one + more for one, more in zip(so_far, of_vectors, strict=True))), (of_gates,)

    zeros = tf.zeros_like(upstream[0])
    begin = [*[zeros] * states, *(tf.zeros_like(vector) for vector in forward.vectors)]
    (backwards,), end = scan_on(step, steps, begin, widths=(forward.kernel.shape[1],))
    return forwards(backwards, upstream.shape[0]), end[states:]


def scan(step: _Step, steps: int, carry: Sequence[Tensor], *, widths: Sequence[int]) -> list[Tensor]:
    """Call `step(t, *carry)` for t = 0, 1, ... and stack what it emits: each (steps, batch, width)."""
    return scan_on(step, steps, carry, widths=widths)[0]


def scan_on(
    step: _Step, steps: int, carry: Sequence[Tensor], *, widths: Sequence[int]
) -> tuple[list[Tensor], list[Tensor]]:
    """Do what `scan` does; return what is carried at the end, too."""
    emitted = [tf.TensorArray(carry[0].dtype, steps, element_shape=(None, width)) for width in widths]

    def body(t: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        carried, values = step(t, *state[: len(carry)])
        written = (array.write(t, value) for array, value in zip(state[len(carry) :], values, strict=True))
        return (t + 1, *carried, *written)

    final = tf.while_loop(lambda t, *_: t < steps, body, (0, *carry, *emitted), maximum_iterations=steps)
    return [array.stack() for array in final[1 + len(carry) :]], list(final[1 : 1 + len(carry)])


def shift(passed: Tensor) -> Tensor:
    """Return what was there before each step, (time, batch, units), of what was there after it; zeros at first."""
    return tf.concat([tf.zeros_like(passed[:1]), passed[:-1]], 0)


def gradient_of_kernel(before: Tensor, of_inputs: Tensor) -> Tensor:
    """Return the gradient of the recurrent kernel (units, gates * units), summed over all steps in one product.

    Parameters
    ----------
    before
        The output before each step, shape (time, batch, units).
    of_inputs
        The gradient of what the inputs bring, shape (time, batch, gates * units).
    """
    units, width = before.shape[-1], of_inputs.shape[-1]
    return tf.matmul(tf.reshape(before, (-1, units)), tf.reshape(of_inputs, (-1, width)), transpose_a=True)


def count_back(steps: int, truncate_after: int | None) -> int:
    """Return how many of the steps the gradient goes back."""
    return steps if truncate_after is None else min(steps, truncate_after)


def forwards(backwards: Tensor, steps: int) -> Tensor:
    """Put gradients, found from the last step backwards, in the order of time; 0 where none was looked for."""
    found = tf.reverse(backwards, (0,))
    missing = steps - found.shape[0]
    return tf.pad(found, [(missing, 0), (0, 0), (0, 0)]) if missing else found
