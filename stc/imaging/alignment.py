"""Face alignment: the landmark template of the canvas, and the similarity transform onto it.

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

# Positions of eyes, nose tip and mouth corners: the ArcFace template for 112 px (arXiv 1801.07698),
# scaled by 104/112 and moved by 12: [12, 116) is the crop of recognition models, with some hair.
TEMPLATE: Floats = np.array(
    [[47.56, 60.00], [80.28, 59.82], [64.02, 78.61], [50.58, 97.77], [77.68, 97.62]]
)


# Left, upper, right and lower edge on the canvas: from the brows to the chin, without the ears.
INNER_FACE = (40.0, 50.0, 88.0, 108.0)


@standard_floats()
def align(image: Image.Image, landmarks: Floats) -> npt.NDArray[np.uint8]:
    """Warp an RGB image so that a face lies on the template -> the canvas, uint8 [128, 128, 3].

    landmarks: float64 [5, 2], of that face in pixels of the image, as `Face.landmarks`. Where the
    image does not cover the canvas, its border pixels are repeated.
    """
    return np.array(warp(image, similarity(TEMPLATE, landmarks), (CANVAS, CANVAS)))


def is_cut(landmarks: Floats, size: tuple[int, int]) -> bool:
    """Whether a picture of `size` (width, height) ends inside the face with landmarks [5, 2]."""
    left, upper, right, lower = INNER_FACE
    corners = np.array([[left, upper], [right, upper], [left, lower], [right, lower]])
    matrix = similarity(TEMPLATE, landmarks)
    places = corners @ matrix[:, :2].T + matrix[:, 2]
    return bool((places < 0).any() or (places > size).any())


def displacement(landmarks: Floats) -> float:
    """The distance of landmarks [5, 2] from the canvas template, in RMS canvas pixels.

    Only position, size and tilt are compared, since no face has exactly the template's shape.
    """
    matrix = similarity(TEMPLATE, landmarks)
    moved = TEMPLATE @ matrix[:, :2].T + matrix[:, 2] - TEMPLATE
    return float(np.sqrt((moved**2).sum(1).mean()))


def similarity(source: Floats, target: Floats) -> Floats:
    """The least-squares similarity transform [2, 3] from points [N, 2] to points [N, 2].

    It is Umeyama's (1991); in the plane its closed form is target = k source in complex numbers.
    """
    start, end = source.mean(0), target.mean(0)
    one, other = (source - start) @ [1, 1j], (target - end) @ [1, 1j]
    k = np.vdot(one, other) / np.vdot(one, one)
    linear = np.array([[k.real, -k.imag], [k.imag, k.real]])
    return np.hstack([linear, (end - linear @ start)[:, None]])
