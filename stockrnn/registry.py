"""Models as things to keep: weights without pickle, names made of what made them, and when a new one is due."""

import hashlib
import io
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from stockrnn.errors import DamagedModelError
from stockrnn.settings import Every
from stockrnn.types import Weights

_SESSIONS = {"night": 1, "week": 5, "month": 21}


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
        The bytes do not match their checksum.
    """
    if hash_bytes(packed) != sha256:
        raise DamagedModelError(
            f"model {model_id}: the stored weights do not match their checksum; restore the database or retrain"
        )
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        return [arrays[name] for name in sorted(arrays.files)]


def hash_bytes(content: bytes) -> str:
    """Return the SHA-256 as hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def make_id(*words: object, made_of: Mapping[str, Any]) -> str:
    """Name a thing by readable words and by a digest of everything that made it.

    >>> make_id("META", "open", made_of={"seed": 0})
    'META-open-af4d0dbb2b'
    """
    document = json.dumps(made_of, sort_keys=True, default=str)
    return "-".join([*map(str, words), hash_bytes(document.encode())[:10]])


def sessions_until_due(every: Every, *, sessions_since: int) -> int:
    """Return how many sessions are left until a model is due again; 0 or less: it is due.

    Parameters
    ----------
    sessions_since
        Sessions after the model's cutoff, up to the present one.
    """
    return (_SESSIONS[every] if isinstance(every, str) else every) - sessions_since


def explain_due(cutoff: date | None, *, every: Every, sessions_since: int) -> str | None:
    """Say in words why a training is due, None where it is not.

    Parameters
    ----------
    cutoff
        The newest model's, None where there is no model.
    """
    if cutoff is None:
        return "no model yet"
    if sessions_until_due(every, sessions_since=sessions_since) > 0:
        return None
    ago = "1 session" if sessions_since == 1 else f"{sessions_since} sessions"
    return f"the last model knows nothing after {cutoff}, {ago} ago"
