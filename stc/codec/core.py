"""The arithmetic of the codec: what a core does, and the one that serves here."""

from __future__ import annotations

from typing import Protocol

from stc.codec.matrix import Floats, Matrix
from stc.codec.model_file import ModelFile
from stc.codec.planes import Canvases, Pictures
from stc.native.choice import choose

__all__ = ["Core", "Floats", "Matrix", "open_core"]


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

    def render_large(self, planes: Floats, spent: Floats) -> Pictures:
        """The same at twice the size, by the model's upscaler -> uint8 [B, 256, 256, 3].

        Raises WrongModelError if a weight is damaged, or the model has no upscaler.
        """


def open_core(model: ModelFile) -> Core:
    """The core of a model. Raises BackendError if STC_CORE names one that cannot serve here."""
    if choose() == "native":
        from stc.codec.native_core import NativeCore

        return NativeCore(model)
    from stc.codec.portable import PortableCore

    return PortableCore(model)
