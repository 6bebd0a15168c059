"""Bringing a face onto the canvas: where it belongs there, and the one transform that moves it.

Coordinates are in pixels, x first; (0, 0) is the outer corner of the first pixel.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from stc.canvas import CANVAS
from stc.floating_point import standard_floats
from stc.imaging.warping import warp

Floats = npt.NDArray[np.float64]

# Where the two eyes, the nose and the mouth corners lie: the ArcFace template for 112 px, scaled
# by 104 / 112 and moved by 12, so that [12, 116) is a recogniser's crop and the hair fits too.
TEMPLATE: Floats = np.array(
    [[47.56, 60.00], [80.28, 59.82], [64.02, 78.61], [50.58, 97.77], [77.68, 97.62]]
)


@standard_floats()
def align(image: Image.Image, landmarks: Floats) -> npt.NDArray[np.uint8]:
    """An RGB image and the landmarks [5, 2] of a face in it -> the canvas, uint8 [128, 128, 3].

    Where the image does not cover the canvas its border is repeated.
    """
    return np.array(warp(image, similarity(TEMPLATE, landmarks), (CANVAS, CANVAS)))


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
