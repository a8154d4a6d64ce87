"""Weights as bytes, without pickle, and back."""

import io

import numpy as np

from stockrnn.errors import DamagedModelError
from stockrnn.types import Weights
from stockrnn.types.hashing import hash_bytes


def pack_weights(weights: Weights) -> bytes:
    """Write arrays, in order, in numpy's npz format; the same arrays always give the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{f"{number:03d}": array for number, array in enumerate(weights)})
    return buffer.getvalue()


def unpack_weights(packed: bytes, *, sha256: str, model_id: str) -> Weights:
    """Read what `pack_weights` wrote.

    Raises
    ------
    DamagedModelError
        The bytes do not match their checksum, or were pruned.
    """
    if not packed:
        raise DamagedModelError(f"model {model_id}: its weights were pruned; see keep_days in the settings")
    if hash_bytes(packed) != sha256:
        raise DamagedModelError(
            f"model {model_id}: the stored weights do not match their checksum; restore the database or retrain"
        )
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        # written uncompressed: what claims to be larger would only ask for memory
        if sum(entry.file_size for entry in arrays.zip.infolist()) > len(packed):
            raise DamagedModelError(f"model {model_id}: its weights claim to be larger than what is stored of them")
        return [arrays[name] for name in sorted(arrays.files)]
