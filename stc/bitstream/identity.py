"""The name that a model gets from its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def fingerprint(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """SHA-256 in hex over names, types, shapes and elements, whatever order they come in."""
    digest = hashlib.sha256()
    for name in sorted(arrays, key=str.encode):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        shape = "x".join(map(str, array.shape))
        digest.update(f"{name}\0{array.dtype.name}\0{shape}\0".encode())
        digest.update(array.data)
    return digest.hexdigest()
