"""The name that a model gets from its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple


class ArrayIdentity(NamedTuple):
    """What an array adds to the name of its model."""

    dtype: str  # as safetensors spells it: I8, F16, ...
    shape: tuple[int, ...]
    digest: str  # SHA-256 of its bytes, little-endian and in C order, in hex


def fingerprint(arrays: Mapping[str, ArrayIdentity]) -> str:
    """SHA-256 in hex over a line for each array, sorted by name: name, type, shape, digest."""
    lines = (
        f"{name} {dtype} {'x'.join(map(str, shape))} {digest}\n"
        for name, (dtype, shape, digest) in sorted(arrays.items(), key=lambda a: a[0].encode())
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
