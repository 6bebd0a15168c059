"""`NativeCore`: the core in C++, called through ctypes."""

from __future__ import annotations

import ctypes

import numpy as np

from stc.canvas import CANVAS
from stc.codec.layers import (
    decoder_names,
    decoder_widths,
    network_arrays,
    upscaler_names,
    upscaler_widths,
)
from stc.codec.matrix import Floats, Matrix, check_prefix, check_rows, check_spent
from stc.codec.model_file import ModelFile
from stc.codec.planes import LARGE, PLANES, Canvases, Pictures
from stc.fork_lock import cached_property
from stc.native.library import Arrays, function, ints, scratch
from stc.threads import threads

Network = tuple[ctypes.Array[ctypes.c_int], Arrays]  # its widths and its weights

FACES_PER_THREAD = 16  # with fewer, a thread costs more, as it reads the whole matrix again


class NativeCore:
    """A `stc.codec.core.Core` in C++. Batches use at most `stc.threads.threads()` threads.

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
        parts = max(1, min(threads(), len(x) // FACES_PER_THREAD))
        need = parts * function("stc_product_scratch")(len(x), columns)
        failed = function(name)(
            *(x.ctypes.data, *sizes, matrix.values.ctypes.data, matrix.scale.ctypes.data),
            *(rows, columns, out.ctypes.data, *scratch.take(need), parts),
        )
        check(failed)

    def render(self, planes: Floats, spent: Floats) -> Canvases:
        return self._render("stc_render", CANVAS, self._decoder, planes, spent)

    def render_large(self, planes: Floats, spent: Floats) -> Pictures:
        return self._render("stc_render_large", LARGE, self._upscaler, planes, spent)

    def _render(
        self, name: str, side: int, network: Network, planes: Floats, spent: Floats
    ) -> Pictures:
        planes = check_rows("planes", planes, PLANES)
        spent = check_spent(spent, len(planes))
        widths, arrays = network
        rgb = np.empty((len(planes), side, side, 3), np.uint8)
        parts = max(1, min(threads(), len(planes)))
        need = parts * function(f"{name}_scratch")(widths)
        failed = function(name)(
            *(widths, arrays.addresses, planes.ctypes.data, spent.ctypes.data, len(planes)),
            *(rgb.ctypes.data, *scratch.take(need), parts),
        )
        check(failed)
        return rgb

    @cached_property
    def _decoder(self) -> Network:
        widths = decoder_widths(self._model)
        return ints(widths), Arrays(network_arrays(self._model, decoder_names(widths)))

    @cached_property
    def _upscaler(self) -> Network:
        """The decoder and the upscaler. Raises WrongModelError if there is no upscaler."""
        widths, own = decoder_widths(self._model), upscaler_widths(self._model)
        names = decoder_names(widths) | upscaler_names(own, *widths[3:])
        return ints(widths + own), Arrays(network_arrays(self._model, names))


def check(failed: int) -> None:
    """Raise RuntimeError if a function of the core failed: a bug, since arguments were checked."""
    if failed:
        raise RuntimeError(f"the native core returned error {failed}")
