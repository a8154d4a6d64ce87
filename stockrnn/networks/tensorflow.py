"""Import TensorFlow without its start-up chatter, which no setting of its own turns off."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias


@contextmanager
def _held_stderr() -> Iterator[None]:
    """Hold back what C++ code writes to standard error; show it only if the block fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and worse; the compiler's own notes otherwise
with _held_stderr():
    import keras
    import tensorflow as tf

    # one thread: small products gain nothing from more, and sums come out the same on any number of cores
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # the CPU device announces itself at its first use
    tf.config.list_physical_devices()

Tensor: TypeAlias = Any
"""A tensor or a Keras object: neither library has types."""

__all__ = ["Tensor", "keras", "tf"]
