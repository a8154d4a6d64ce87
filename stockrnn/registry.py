"""Models as things to keep: weights without pickle, names made of what made them, and when a new one is due."""

import hashlib
import io
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from stockrnn.errors import DamagedModelError
from stockrnn.specs import Every
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
        The bytes do not match their checksum, or were pruned.
    """
    if not packed:
        raise DamagedModelError(f"model {model_id}: its weights were pruned; see keep_days in the settings")
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


def count_sessions(span: Every) -> int:
    """Return how many sessions a span of the settings has."""
    return _SESSIONS[span] if isinstance(span, str) else span


def explain_due(trained_on: date | None, *, every: Every, sessions_since: int) -> str | None:
    """Say in words why a training is due, None where it is not.

    Parameters
    ----------
    trained_on
        The last session that was known at the newest training, None where there was none.
    sessions_since
        Sessions after it, up to the present one.
    """
    if trained_on is None:
        return "no model yet"
    if sessions_since < count_sessions(every):
        return None
    ago = "1 session" if sessions_since == 1 else f"{sessions_since} sessions"
    return f"the last training was on {trained_on}, {ago} ago"
