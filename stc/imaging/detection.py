"""Finding faces: where to look for them, how closely, and what to believe.

A small copy of the picture shows where faces may be; each is then looked at once more, upright and
as large as the network sees best. What that look does not confirm is no face, so the first one may
doubt: it finds faces a third as wide as it could vouch for. Larger copies follow only while they
can show more. Everything is reduced before it is looked at: the time is bounded whatever the size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from stc.imaging.alignment import TEMPLATE, displacement, similarity
from stc.imaging.network import GRAIN, GREY, Detection, detect
from stc.imaging.warping import warp

Floats = npt.NDArray[np.float64]

# The long side of the copies that are looked at, in turn, while no face is found.
_FIRST = 184
_SIDES = (_FIRST, 512, 1408)
# Grey around a copy, in pixels, at the least.
_BORDER = 4
# What may be a face in a copy, and what is one when looked at closely.
_DOUBT, MIN_SCORE = 0.05, 0.97
_DOUBT_CLOSE = 0.3
_STEADY = 6.0
_MIN_WIDTH = 16
# Faces so wide are all seen in a copy. So if the widest is twice that, none is missed that is half
# as wide; else the next copy shows the widest a little wider still.
_SEEN = 24
_WELL_SEEN = 50
# How much larger the next copy has to be to be looked at.
_WORTH_IT = 1.1
# So many candidates are looked at closely, so that a crowd takes no longer.
_MAX_CANDIDATES = 16

# The close look: so many pixels along each side, so many of them a pixel of the canvas, centred on
# this point of it. The network then sees a face about 120 px wide, at which its landmarks are best.
_CLOSE = 160
_ZOOM = 1.5
_CENTRE = np.array([64.0, 75.0])

# Two boxes are one face if they share this much of the smaller one.
_SAME_FACE = 0.5


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
    """
    longest = max(image.size)
    faces: list[Face] = []
    side = _FIRST
    while True:
        unknown = [face for face in _look(image, side) if not _among(face, faces)]
        for face in _confirmed(image, unknown):
            if not _among(face, faces):
                faces.append(face)
        wider = min(_next_side(faces, side, longest), longest, _SIDES[-1])
        if wider <= side * _WORTH_IT:
            return sorted(faces, key=lambda face: face.width, reverse=True)
        side = wider


def _next_side(faces: list[Face], side: int, longest: int) -> int:
    """The long side of the copy to look at after one of `side` px; `side` if none can show more."""
    if not faces:
        return next((larger for larger in _SIDES if larger > side), side)
    widest = max(face.width for face in faces) * side / longest
    return side if widest >= 2 * _SEEN else math.ceil(side * _WELL_SEEN / widest)


def _look(image: Image.Image, side: int) -> list[Face]:
    """What may be a face in a copy whose long side has `side` px: not many, the likeliest."""
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0)
    around = tuple(-(-(length + 2 * _BORDER) // GRAIN) * GRAIN for length in (width, height))
    left, top = (around[0] - width) // 2, (around[1] - height) // 2
    framed = Image.new("RGB", around, GREY)
    framed.paste(small, (left, top))
    (found,) = detect(np.asarray(framed)[None], _DOUBT)
    # Width and height were rounded apart, so each axis has a scale of its own.
    unit = np.array(image.size) / (width, height)
    moved = np.array([left, top])
    faces = [
        Face(
            tuple(((one.box[:2] - moved) * unit).tolist() + (one.box[2:] * unit).tolist()),
            (one.landmarks - moved) * unit,
            one.score,
        )
        for one in found
    ]
    # Sure ones before doubtful ones, and of each the widest.
    faces.sort(key=lambda face: (face.score >= MIN_SCORE, face.width), reverse=True)
    return [face for face in faces if face.width >= _MIN_WIDTH][:_MAX_CANDIDATES]


def _confirmed(image: Image.Image, candidates: list[Face]) -> list[Face]:
    """The candidates that a close look shows to be faces, as they are seen there.

    Where the first close look has to move far, or is not sure, a second one starts from there.
    """
    faces = []
    again = []
    for candidate, seen in zip(candidates, _look_closely(image, candidates), strict=True):
        if seen is None or seen.score < _DOUBT_CLOSE:
            continue
        steady = displacement(_on_canvas_of(candidate, seen)) <= _STEADY
        (faces if steady and seen.score >= MIN_SCORE else again).append(seen)
    faces += [seen for seen in _look_closely(image, again) if seen is not None]
    return [face for face in faces if face.score >= MIN_SCORE]


def _on_canvas_of(one: Face, other: Face) -> Floats:
    """Another face's landmarks on the canvas that one face is aligned to."""
    matrix = similarity(TEMPLATE, one.landmarks)
    return np.linalg.solve(matrix[:, :2], (other.landmarks - matrix[:, 2]).T).T


def _look_closely(image: Image.Image, candidates: list[Face]) -> list[Face | None]:
    """Each candidate as it is seen upright, at the network's best size; None if it is not."""
    if not candidates:
        return []
    # Close look -> canvas -> image.
    matrices = []
    for face in candidates:
        matrix = similarity(TEMPLATE, face.landmarks)
        linear = matrix[:, :2] / _ZOOM
        shift = matrix[:, :2] @ (_CENTRE - _CLOSE / 2 / _ZOOM) + matrix[:, 2]
        matrices.append(np.hstack([linear, shift[:, None]]))
    crops = [warp(image, matrix, (_CLOSE, _CLOSE), fine=False, fill=GREY) for matrix in matrices]
    found = detect(np.stack([np.asarray(crop) for crop in crops]), _DOUBT_CLOSE, fine=False)
    faces: list[Face | None] = []
    for candidate, matrix, seen in zip(candidates, matrices, found, strict=True):
        views = (_moved(one, matrix) for one in seen)
        faces.append(next((view for view in views if _same(view, candidate)), None))
    return faces


def _moved(seen: Detection, matrix: Floats) -> Face:
    """A face of a close look, in pixels of the image; its box is upright there as well."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    size = seen.box[2:] * math.hypot(linear[0, 0], linear[1, 0])
    corner = linear @ (seen.box[:2] + seen.box[2:] / 2) + shift - size / 2
    left, top, width, height = (float(value) for value in (*corner, *size))
    return Face((left, top, width, height), seen.landmarks @ linear.T + shift, seen.score)


def _among(face: Face, others: list[Face]) -> bool:
    return any(_same(face, other) for other in others)


def _same(one: Face, other: Face) -> bool:
    (ax, ay, aw, ah), (bx, by, bw, bh) = one.box, other.box
    across = min(ax + aw, bx + bw) - max(ax, bx)
    down = min(ay + ah, by + bh) - max(ay, by)
    return across > 0 and down > 0 and across * down > _SAME_FACE * min(aw * ah, bw * bh)
