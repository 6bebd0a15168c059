"""`NativeCore`: the core in C++, called through ctypes."""

from __future__ import annotations

import ctypes

import numpy as np

from stc.canvas import CANVAS
from stc.codec.layers import decoder_arrays, decoder_widths
from stc.codec.matrix import Floats, Matrix, check_prefix, check_rows, check_spent
from stc.codec.model_file import ModelFile
from stc.codec.planes import PLANES, Canvases
from stc.fork_lock import cached_property
from stc.native.library import Arrays, function, ints, scratch
from stc.threads import threads

FACES = 16  # for which another thread is worth its own reading of a matrix


class NativeCore:
    """See `stc.codec.core.Core`. Batches use as many threads as `stc.threads.threads` says.

    Raises BackendError if the library is missing.
    """

    def __init__(self, model: ModelFile) -> None:
        function("stc_render")
        self._model = model

    def project(self, x: Floats, matrix: Matrix) -> Floats:
        rows, columns = matrix.values.shape
        x = check_rows("x", x, rows)
        out = np.empty((len(x), columns), np.float32)
        self._multiply("stc_project", x, (len(x),), matrix, out)
        return out

    def expand(self, v: Floats, matrix: Matrix) -> Floats:
        v = check_prefix(v, matrix)
        out = np.empty((len(v), len(matrix.values)), np.float32)
        self._multiply("stc_expand", v, v.shape, matrix, out)
        return out

    def _multiply(
        self, name: str, x: Floats, sizes: tuple[int, ...], matrix: Matrix, out: Floats
    ) -> None:
        rows, columns = matrix.values.shape
        parts = max(1, min(threads(), len(x) // FACES))
        need = parts * function("stc_product_scratch")(len(x), columns)
        failed = function(name)(
            *(x.ctypes.data, *sizes, matrix.values.ctypes.data, matrix.scale.ctypes.data),
            *(rows, columns, out.ctypes.data, *scratch.take(need), parts),
        )
        check(failed)

    def render(self, planes: Floats, spent: Floats) -> Canvases:
        planes = check_rows("planes", planes, PLANES)
        spent = check_spent(spent, len(planes))
        widths, arrays = self._decoder
        rgb = np.empty((len(planes), CANVAS, CANVAS, 3), np.uint8)
        parts = max(1, min(threads(), len(planes)))
        need = parts * function("stc_render_scratch")(widths)
        failed = function("stc_render")(
            *(widths, arrays.addresses, planes.ctypes.data, spent.ctypes.data, len(planes)),
            *(rgb.ctypes.data, *scratch.take(need), parts),
        )
        check(failed)
        return rgb

    @cached_property
    def _decoder(self) -> tuple[ctypes.Array[ctypes.c_int], Arrays]:
        widths = decoder_widths(self._model)
        return ints(widths), Arrays(decoder_arrays(self._model, widths))


def check(failed: int) -> None:
    """A function of the core found what was checked before: a bug."""
    if failed:
        raise RuntimeError(f"the native core gives error {failed}")
