"""The core in numpy: the reference for other decoders, used where the native core was not built."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stc.canvas import CANVAS
from stc.codec.blas import one_thread
from stc.codec.matrix import Floats, Matrix, check_prefix, check_rows, check_spent
from stc.codec.model_file import ModelFile
from stc.codec.planes import (
    BLUE,
    CB,
    CHROMA,
    CR,
    GREEN,
    LARGE,
    LUMA,
    PLANES,
    RED,
    Canvases,
    Pictures,
)
from stc.codec.portable_networks import Decoder, Upscaler
from stc.codec.upsampling import bicubic, bilinear
from stc.fork_lock import cached_property

ROWS = 256  # rows of a matrix converted to floats at a time, so that they fit the cache


class PortableCore:
    """A `stc.codec.core.Core` in numpy."""

    def __init__(self, model: ModelFile) -> None:
        self._model = model

    def project(self, x: Floats, matrix: Matrix) -> Floats:
        x = check_rows("x", x, len(matrix.values))
        total = np.zeros((len(x), matrix.values.shape[1]), np.float32)
        with one_thread():
            for own, block in _blocks(matrix, matrix.values.shape[1]):
                total += x[:, own] @ block
        total *= matrix.scale
        return total

    def expand(self, v: Floats, matrix: Matrix) -> Floats:
        v = check_prefix(v, matrix)
        scaled = v * matrix.scale[: v.shape[1]]
        found = np.empty((len(v), len(matrix.values)), np.float32)
        with one_thread():
            for own, block in _blocks(matrix, v.shape[1]):
                np.matmul(scaled, block.T, out=found[:, own])
        return found

    def render(self, planes: Floats, spent: Floats) -> Canvases:
        return self._render(planes, spent, CANVAS)

    def render_large(self, planes: Floats, spent: Floats) -> Pictures:
        return self._render(planes, spent, LARGE)

    def _render(self, planes: Floats, spent: Floats, side: int) -> Pictures:
        planes = check_rows("planes", planes, PLANES)
        spent = check_spent(spent, len(planes))
        pictures = np.empty((len(planes), side, side, 3), np.uint8)
        # exp(-x) may overflow to infinity; x / infinity is then 0, the correct limit.
        with one_thread(), np.errstate(over="ignore", invalid="ignore"):
            for picture, own, share in zip(pictures, planes, spent, strict=True):
                luma = own[: LUMA * LUMA].reshape(LUMA, LUMA)
                chroma = own[LUMA * LUMA :].reshape(2, CHROMA, CHROMA)
                detail, *known = self._decoder.draw(luma, chroma, share)
                rgb = (_linear_picture(luma, chroma) + detail).clip(0, 1)
                if side == LARGE:
                    rgb = self._upscaler(rgb, *known).clip(0, 1)
                picture[:] = np.rint(rgb * 255)
        return pictures

    @cached_property
    def _decoder(self) -> Decoder:
        return Decoder(self._model)

    @cached_property
    def _upscaler(self) -> Upscaler:
        return Upscaler(self._model)


def _linear_picture(luma: Floats, chroma: Floats) -> Floats:
    """Enlarge luma [64, 64] and chroma [2, 32, 32], and convert them to RGB [128, 128, 3]."""
    up, wide = bicubic(LUMA, CANVAS), bilinear(CHROMA, CANVAS)
    grey = up @ luma @ up.T
    blue, red = (wide @ plane @ wide.T for plane in chroma)
    blue, red = grey + blue / CB, grey + red / CR
    green = (grey - RED * red - BLUE * blue) / GREEN
    return np.stack([red, green, blue], -1)


def _blocks(matrix: Matrix, columns: int) -> Iterator[tuple[slice, Floats]]:
    """Yield blocks of rows: their slice, and their first columns as floats, not scaled."""
    for start in range(0, len(matrix.values), ROWS):
        own = slice(start, start + ROWS)
        yield own, matrix.values[own, :columns].astype(np.float32)
