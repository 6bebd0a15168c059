"""Planes: what the codec sees of a canvas, luma and half-resolution chroma.

The eye, and a recogniser, care about luma most. One chroma sample stands for several luma samples,
so its error counts that many times: `PLANE_WEIGHT` is the square root of that.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stc.canvas import CANVAS

LUMA = 64
CHROMA = 32
PLANES = LUMA * LUMA + 2 * CHROMA * CHROMA  # numbers in the planes of one face

PLANE_WEIGHT = np.repeat(
    np.array([1, LUMA / CHROMA], np.float32), [LUMA * LUMA, PLANES - LUMA * LUMA]
)

LARGE = 2 * CANVAS  # pixels along a side of what an upscaler draws

Canvases = npt.NDArray[np.uint8]  # [B, 128, 128, 3], RGB
Pictures = npt.NDArray[np.uint8]  # [B, 128, 128, 3] or [B, 256, 256, 3], RGB
Floats = npt.NDArray[np.float32]

_RED, _GREEN, _BLUE = np.float32(0.299), np.float32(0.587), np.float32(0.114)
_CB, _CR = np.float32(0.564), np.float32(0.713)


def check_canvases(canvases: npt.NDArray[np.uint8]) -> None:
    """Raise ValueError unless canvases are an array uint8 [B, 128, 128, 3]."""
    if not isinstance(canvases, np.ndarray):
        raise ValueError(f"canvases must be an array, not {type(canvases).__name__}: np.stack them")
    if canvases.dtype != np.uint8 or canvases.shape[1:] != (CANVAS, CANVAS, 3):
        raise ValueError(
            f"canvases must be uint8 [B, {CANVAS}, {CANVAS}, 3], not {canvases.dtype} "
            f"{list(canvases.shape)}"
        )


def to_planes(canvases: Canvases) -> Floats:
    """RGB uint8 [B, 128, 128, 3] -> luma 64x64 and Cb, Cr 32x32 in [0, 1], flattened: [B, 6144].

    Samples are means over squares of 2x2 (luma) and 4x4 (chroma) pixels; the mean of colours and
    the colour of means are the same, so the squares are summed first, exactly, as integers.
    """
    check_canvases(canvases)
    pairs = canvases.reshape(-1, LUMA, 2, LUMA, 2, 3).sum((2, 4), dtype=np.uint16)
    fours = pairs.reshape(-1, CHROMA, 2, CHROMA, 2, 3).sum((2, 4), dtype=np.uint16)
    red, green, blue = np.moveaxis(pairs.astype(np.float32) / np.float32(4 * 255), 3, 0)
    luma = _RED * red + _GREEN * green + _BLUE * blue
    red, green, blue = np.moveaxis(fours.astype(np.float32) / np.float32(16 * 255), 3, 0)
    grey = _RED * red + _GREEN * green + _BLUE * blue
    parts = luma, (blue - grey) * _CB, (red - grey) * _CR
    return np.concatenate([part.reshape(len(canvases), -1) for part in parts], 1)
