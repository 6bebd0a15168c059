"""The arithmetic of the codec, and which implementation does it.

The environment variable STC_CORE (native, portable) overrides the choice: the native core where it
was built, else numpy. Both give the same picture within 1 of 255.
"""

from __future__ import annotations

import os
from typing import Protocol

from stc.codec.matrix import Floats, Matrix
from stc.codec.model_file import ModelFile
from stc.codec.planes import Canvases
from stc.errors import BackendError

__all__ = ["VARIABLE", "Core", "Floats", "Matrix", "choose", "cores", "open_core"]

VARIABLE = "STC_CORE"


class Core(Protocol):
    """The products and the network of one model; safe to use from several threads.

    Every method raises ValueError for arrays of another type or shape than it states.
    """

    def project(self, x: Floats, matrix: Matrix) -> Floats:
        """x [B, R] -> x @ M [B, C]."""

    def expand(self, v: Floats, matrix: Matrix) -> Floats:
        """v [B, C'] -> v @ M[:, :C'].T [B, R]; C' is at most the number of columns."""

    def render(self, planes: Floats, spent: Floats) -> Canvases:
        """Planes [B, 6144] and the share of all tokens spent on them [B] -> uint8 [B, 128, 128, 3].

        Raises WrongModelError if a weight of the decoder is damaged.
        """


def cores() -> dict[str, str]:
    """The name of every core -> why it cannot serve here, or ""."""
    from stc.codec import native

    return {"native": native.why, "portable": ""}


def choose() -> str:
    """The name of the core that serves. Raises BackendError if STC_CORE names one that cannot."""
    name, known = os.environ.get(VARIABLE, ""), cores()
    if name and name not in known:
        raise BackendError(f"{VARIABLE}={name}: there are {', '.join(known)}")
    if name and known[name]:
        raise BackendError(f"{VARIABLE}={name} cannot serve: {known[name]}")
    return name or ("portable" if known["native"] else "native")


def open_core(model: ModelFile) -> Core:
    """The core of a model. Raises BackendError if STC_CORE names one that cannot serve here."""
    if choose() == "native":
        from stc.codec.native import NativeCore

        return NativeCore(model)
    from stc.codec.portable import PortableCore

    return PortableCore(model)
