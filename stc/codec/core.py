"""The arithmetic of the codec: the interface of a core, and the choice of one."""

from __future__ import annotations

from typing import Protocol

from stc.codec.matrix import Floats, Matrix
from stc.codec.model_file import ModelFile
from stc.codec.planes import Canvases, Pictures
from stc.native.choice import choose

__all__ = ["Core", "Floats", "Matrix", "open_core"]


class Core(Protocol):
    """The matrix products and the networks of one model; safe to use from several threads.

    Every method raises ValueError for arrays of another type or shape than stated. Floats are
    float32.
    """

    def project(self, x: Floats, matrix: Matrix) -> Floats:
        """Return x @ M [B, C] of x [B, R] and a matrix M [R, C]."""

    def expand(self, v: Floats, matrix: Matrix) -> Floats:
        """Return v @ M[:, :C'].T [B, R] of v [B, C'] and a matrix M [R, C]; C' is at most C."""

    def render(self, planes: Floats, spent: Floats) -> Canvases:
        """Decode planes [B, 6144] with the decoder network; return uint8 [B, 128, 128, 3].

        spent: the number of tokens of each face divided by that of the model, [B].
        Raises WrongModelError if a weight of the decoder is damaged.
        """

    def render_large(self, planes: Floats, spent: Floats) -> Pictures:
        """As `render`, followed by the model's upscaler; return uint8 [B, 256, 256, 3].

        Raises WrongModelError if a weight is damaged or the model has no upscaler.
        """


def open_core(model: ModelFile) -> Core:
    """Open the core of a model: the native one if it was built, unless STC_CORE names another.

    Raises BackendError if STC_CORE names a core that is unknown or not available here.
    """
    if choose() == "native":
        from stc.codec.native_core import NativeCore

        return NativeCore(model)
    from stc.codec.portable import PortableCore

    return PortableCore(model)
