"""What a network learns from, and the batches in which it sees it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Scaled windows with their targets, float32, no NaN in windows and context.

    Attributes
    ----------
    x
        Windows, oldest session first, shape (N, lookback, inputs).
    y
        Targets, shape (N,).
    context
        What else is known at the end of each window, shape (N, context); (N, 0) where nothing is.
    """

    x: np.ndarray
    y: np.ndarray
    context: np.ndarray


def make_examples(x: np.ndarray, y: np.ndarray, *, context: np.ndarray | None = None) -> Examples:
    """Turn arrays of the shapes that `Examples` has, of any float type, into examples."""
    context = empty_context(len(x)) if context is None else context
    return Examples(x=x.astype(np.float32), y=y.astype(np.float32), context=context.astype(np.float32))


def empty_context(count: int) -> np.ndarray:
    """Return the context of `count` windows beside which nothing is known: shape (count, 0)."""
    return np.empty((count, 0), dtype=np.float32)


def join_examples(*parts: Examples) -> Examples:
    """Return all examples of these, in their order."""
    x, y, context = (np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y", "context"))
    return Examples(x=x, y=y, context=context)


def shuffled_batches(count: int, size: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, epoch after epoch, the places of `count` examples in random order and their sample weights.

    Both have the shape (batches, size): a last batch that is not full is padded with place 0 and weight 0.
    """
    batches = -(-count // size)
    sample_weight = np.zeros(batches * size, dtype=np.float32)
    sample_weight[:count] = 1
    while True:
        places = np.zeros(batches * size, dtype=np.int32)
        places[:count] = rng.permutation(count)
        yield places.reshape(batches, size), sample_weight.reshape(batches, size)
