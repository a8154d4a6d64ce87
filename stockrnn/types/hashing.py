"""What names a thing by what made it: checksums, and identifiers made of them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def hash_values(values: np.ndarray) -> str:
    """Return the SHA-256 of float64 values, to prove later which numbers went in."""
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f8").tobytes()).hexdigest()


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
