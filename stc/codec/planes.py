"""Planes: luma and half-resolution chroma of a canvas, the input of the codec's arithmetic.

Luma matters most for human vision and for recognition models. One chroma sample covers the area of
four luma samples, so its squared error is multiplied by 4: `PLANE_WEIGHT` is the square root.
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

LARGE = 2 * CANVAS  # pixels along a side of an upscaler's output

Canvases = npt.NDArray[np.uint8]  # [B, 128, 128, 3], RGB
Pictures = npt.NDArray[np.uint8]  # [B, 128, 128, 3] or [B, 256, 256, 3], RGB
Floats = npt.NDArray[np.float32]

# Weights of the colours in luma, and factors of the colour differences (ITU-R BT.601).
RED, GREEN, BLUE = np.float32(0.299), np.float32(0.587), np.float32(0.114)
CB, CR = np.float32(0.564), np.float32(0.713)


def check_canvases(canvases: npt.NDArray[np.uint8]) -> None:
    """Raise ValueError unless canvases is a numpy array uint8 [B, 128, 128, 3]."""
    if not isinstance(canvases, np.ndarray):
        raise ValueError(f"canvases must be an array, not {type(canvases).__name__}: np.stack them")
    if canvases.dtype != np.uint8 or canvases.shape[1:] != (CANVAS, CANVAS, 3):
        raise ValueError(
            f"canvases must be uint8 [B, {CANVAS}, {CANVAS}, 3], not {canvases.dtype} "
            f"{list(canvases.shape)}"
        )


def to_planes(canvases: Canvases) -> Floats:
    """Convert RGB uint8 [B, 128, 128, 3] to luma 64x64 and Cb, Cr 32x32, flattened: [B, 6144].

    Luma is in [0, 1], chroma about in [-0.5, 0.5]. Samples are means over 2x2 (luma) and 4x4
    (chroma) pixels. The conversion of colours is linear, so pixels are summed first, exactly, as
    integers. Raises ValueError for arrays of another shape or type.
    """
    check_canvases(canvases)
    pairs = canvases.reshape(-1, LUMA, 2, LUMA, 2, 3).sum((2, 4), dtype=np.uint16)
    fours = pairs.reshape(-1, CHROMA, 2, CHROMA, 2, 3).sum((2, 4), dtype=np.uint16)
    red, green, blue = np.moveaxis(pairs.astype(np.float32) / np.float32(4 * 255), 3, 0)
    luma = RED * red + GREEN * green + BLUE * blue
    red, green, blue = np.moveaxis(fours.astype(np.float32) / np.float32(16 * 255), 3, 0)
    grey = RED * red + GREEN * green + BLUE * blue
    parts = luma, (blue - grey) * CB, (red - grey) * CR
    return np.concatenate([part.reshape(len(canvases), -1) for part in parts], 1)
