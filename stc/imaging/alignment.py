"""The canvas, and bringing a face onto it: one similarity transform, resampled with care.

Coordinates are in pixels, x first; (0, 0) is the outer corner of the first pixel.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]

CANVAS = 128

# Where the two eyes, the nose and the mouth corners lie: the ArcFace template for 112 px, scaled
# by 104 / 112 and moved by 12, so that [12, 116) is a recogniser's crop and the hair fits too.
TEMPLATE: Floats = np.array(
    [[47.56, 60.00], [80.28, 59.82], [64.02, 78.61], [50.58, 97.77], [77.68, 97.62]]
)

# The face is warped at this multiple of the canvas and then shrunk, which keeps it free of
# aliasing where the warp alone, a bicubic, would not be.
_OVERSAMPLING = 2


def align(image: Image.Image, landmarks: Floats) -> npt.NDArray[np.uint8]:
    """An RGB image and the landmarks [5, 2] of a face in it -> the canvas, uint8 [128, 128, 3].

    Where the image does not cover the canvas its border is repeated.
    """
    matrix = similarity(TEMPLATE, landmarks)
    fine = CANVAS * _OVERSAMPLING
    step = math.hypot(matrix[0, 0], matrix[1, 0]) / _OVERSAMPLING  # image px per fine px
    corners = np.array([[0, 0], [CANVAS, 0], [0, CANVAS], [CANVAS, CANVAS]], np.float64)
    reach = corners @ matrix[:, :2].T + matrix[:, 2]
    patch, origin, unit = _patch(image, reach.min(0), reach.max(0), max(step, 1.0))

    # Fine pixel -> canvas -> image -> patch.
    linear = matrix[:, :2] / _OVERSAMPLING / unit[:, None]
    offset = (matrix[:, 2] - origin) / unit
    (a, b), (d, e) = linear.tolist()
    c, f = offset.tolist()
    warped = patch.transform(
        (fine, fine), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BICUBIC
    )
    return np.array(warped.resize((CANVAS, CANVAS), Image.Resampling.LANCZOS))


def displacement(landmarks: Floats) -> float:
    """How far a face is from its place on the canvas: landmarks [5, 2] -> RMS canvas pixels.

    Only place, size and tilt count, since no two faces have quite the template's shape.
    """
    matrix = similarity(TEMPLATE, landmarks)
    moved = TEMPLATE @ matrix[:, :2].T + matrix[:, 2] - TEMPLATE
    return float(np.sqrt((moved**2).sum(1).mean()))


def similarity(source: Floats, target: Floats) -> Floats:
    """The rotation, scale and shift [2, 3] that best take points [N, 2] to points [N, 2].

    In the plane Umeyama's least squares has a closed form: as complex numbers, target = k source.
    """
    start, end = source.mean(0), target.mean(0)
    one, other = (source - start) @ [1, 1j], (target - end) @ [1, 1j]
    k = np.vdot(one, other) / np.vdot(one, one)
    linear = np.array([[k.real, -k.imag], [k.imag, k.real]])
    return np.hstack([linear, (end - linear @ start)[:, None]])


def _patch(
    image: Image.Image, low: Floats, high: Floats, shrink: float
) -> tuple[Image.Image, Floats, Floats]:
    """What lies between two corners of the image, shrunk, with its border repeated outside.

    Returns the patch, the image point of its corner (x, y) and the image px per patch px (x, y).
    """
    margin = math.ceil(4 * shrink)  # for the reach of the filters
    size = np.array(image.size)
    wanted_low = np.floor(low).astype(int) - margin
    wanted_high = np.ceil(high).astype(int) + margin
    # At least one row and column, so that there is a border to repeat.
    inside_low = np.clip(wanted_low, 0, size - 1)
    inside_high = np.clip(wanted_high, inside_low + 1, size)
    extent = inside_high - inside_low
    shape = np.maximum(np.round(extent / shrink).astype(int), 1)
    left, top = inside_low.tolist()
    right, bottom = inside_high.tolist()
    small = image.resize(
        (int(shape[0]), int(shape[1])),
        Image.Resampling.LANCZOS,
        box=(left, top, right, bottom),
        reducing_gap=3.0,
    )
    unit = extent / shape
    before = np.ceil(np.maximum(inside_low - wanted_low, 0) / unit).astype(int)
    after = np.ceil(np.maximum(wanted_high - inside_high, 0) / unit).astype(int)
    pixels = np.pad(
        np.asarray(small), ((before[1], after[1]), (before[0], after[0]), (0, 0)), mode="edge"
    )
    return Image.fromarray(pixels), inside_low - before * unit, unit
