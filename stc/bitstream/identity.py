"""The fingerprint of a model, computed from its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple


class ArrayIdentity(NamedTuple):
    """The properties of one array that determine the fingerprint of its model."""

    dtype: str  # as safetensors spells it: I8, F16, ...
    shape: tuple[int, ...]
    digest: str  # SHA-256 of the array's bytes, little-endian and in C order, in hex


def fingerprint(arrays: Mapping[str, ArrayIdentity]) -> str:
    """The fingerprint of a model: SHA-256, in hex, of a line of text for each array.

    arrays: by name. The lines are sorted by name and hold name, type, shape and digest.
    """
    lines = (
        f"{name} {dtype} {'x'.join(map(str, shape))} {digest}\n"
        for name, (dtype, shape, digest) in sorted(arrays.items(), key=lambda a: a[0].encode())
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
