"""Finding faces: where to look for them, how closely, and what to believe.

A small copy of the picture shows where faces may be; each is then looked at once more, upright and
as large as the network sees best. What that close look does not confirm is no face, so the first
one may be in doubt: it finds faces half as wide as it could vouch for. Larger copies follow only
while they can show more. All looks are at reduced copies: the time is bounded whatever the size.

The network knows heads that are tilted by up to 60 degrees. Of one that stands on its head it sees
nothing, or a face where the mouth is taken for eyes; its score is lower then. Where no face is
beyond doubt the copies are looked at again after quarter turns, and the way up counts that shows
the surest face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from stc.floating_point import standard_floats
from stc.imaging.alignment import TEMPLATE, displacement, similarity
from stc.imaging.network import GRAIN, GREY, SAME_FACE, Detection, detect
from stc.imaging.warping import warp

Floats = npt.NDArray[np.float64]

# The long side, in pixels, of the copies that are looked at while no face is found. The last shows
# faces of 40 px in pictures of 3000.
_SIDES = (184, 512, 1408)
# Grey around a copy, in pixels, at the least.
_BORDER = 4
# From this score on, something in a copy is a candidate. At .05 nine of ten faces are that are
# _SEEN px wide in the copy, nineteen of twenty at 26 px and all but one in a hundred from 32 px on.
_CANDIDATE = 0.05
_SEEN = 22
# Candidates of fewer pixels in the picture are left alone: no face so small is of use.
_MIN_WIDTH = 16
# So many are looked at closely, so that a crowd, or gravel, takes no longer.
_MAX_CANDIDATES = 16
# How much larger the next copy has to be to be looked at.
_WORTH_IT = 1.1

# Turns of a copy, counter-clockwise as Pillow has them, and one of them undone: but for the shift,
# (x, y) of the turned copy is (-y, x) of the copy.
_TURNS = {
    1: Image.Transpose.ROTATE_90,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_270,
}
_QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])

# The close look: so many pixels along each side, so many of them a pixel of the canvas, centred on
# this point of it. The network sees the face about 120 px wide, which is where its landmarks are
# best, and faces that the first look drew aslant come out level.
_CLOSE = 160
_ZOOM = 1.5
_CENTRE = np.array([64.0, 75.0])
# A face has this score in its last close look; with less than the second, a first one is the last.
MIN_SCORE = 0.97
_HOPELESS = 0.3
# With this score a face is beyond doubt. Of 40 upright faces 39 have it, of faces seen the wrong
# way up none: they reach .9973.
SURE = 0.999
# Odds by which a face has to be surer after a turn of the picture, for the turn to be believed.
_SURER = 2.0
# A face that moved further than this, in RMS pixels of the canvas, is looked at closely once more.
_STEADY = 6.0


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


@standard_floats()
def find_faces(image: Image.Image) -> list[Face]:
    """Faces in an RGB image, whichever way up it is, the largest first; [] if there is none.

    All faces of one picture are taken to be the same way up, to within 60 degrees. Those less than
    half as wide as the largest may be missing: next to it they are background.
    Raises ModelError if the network's weights are missing or not the right ones.
    """
    best: list[Face] = []
    copies: dict[int, Image.Image] = {}
    for quarters in (0, 2, 1, 3):
        faces = _search(image, quarters, best, copies)
        if _odds(faces) > _SURER * _odds(best):
            best = faces
        if _odds(best) >= SURE / (1 - SURE):
            break
    return sorted(best, key=lambda face: face.width, reverse=True)


def _odds(faces: list[Face]) -> float:
    """Of the surest face, p / (1 - p); 0 if there is none."""
    return max((face.score / (1 - min(face.score, 1 - 1e-12)) for face in faces), default=0.0)


def _search(
    image: Image.Image, quarters: int, known: list[Face], copies: dict[int, Image.Image]
) -> list[Face]:
    """Faces of an image that is looked at after so many quarter turns, counter-clockwise.

    known: what was found another way up; it says how closely is looked where nothing is found.
    copies: smaller ones of the image, by their long sides; those that were missing are added.
    """
    longest = max(image.size)
    faces: list[Face] = []
    side = _SIDES[0]
    while True:
        unknown = [face for face in _look(image, side, quarters, copies) if not _among(face, faces)]
        for face in _confirmed(image, unknown):
            if not _among(face, faces):
                faces.append(face)
        larger = min(_next_side(faces or known, side, longest), longest, _SIDES[-1])
        if larger < side * _WORTH_IT:
            return faces
        side = larger


def _next_side(faces: list[Face], side: int, longest: int) -> int:
    """The long side of the copy to look at after one of `side` px; `side` if none can show more.

    Where the widest face is twice as wide as what is well seen, no rival of it was missed.
    """
    if not faces:
        return next((larger for larger in _SIDES if larger > side), side)
    widest = max(face.width for face in faces) * side / longest
    return side if widest >= 2 * _SEEN else math.ceil(side * 2 * _SEEN / widest)


def _look(
    image: Image.Image, side: int, quarters: int, copies: dict[int, Image.Image]
) -> list[Face]:
    """Candidates in a copy whose long side has `side` px, turned counter-clockwise."""
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    if side not in copies:
        copies[side] = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0)
    small = copies[side]
    back, origin = np.eye(2), np.zeros(2)  # from the turned copy to the copy: back @ p + origin
    if quarters:
        small = small.transpose(_TURNS[quarters])
        for _ in range(quarters):
            back = _QUARTER @ back
        far = back @ small.size
        origin = np.maximum(-far, 0)
    across, down = (-(-(length + 2 * _BORDER) // GRAIN) * GRAIN for length in small.size)
    left, top = (across - small.width) // 2, (down - small.height) // 2
    framed = Image.new("RGB", (across, down), GREY)
    framed.paste(small, (left, top))
    (found,) = detect(np.asarray(framed)[None], _CANDIDATE)
    # Width and height were rounded apart, so each axis has a scale of its own.
    unit, corner = np.array(image.size) / (width, height), np.array([left, top])
    faces = []
    for box, landmarks, score in found:
        size = np.abs(back @ box[2:]) * unit
        middle = (back @ (box[:2] + box[2:] / 2 - corner) + origin) * unit
        points = ((landmarks - corner) @ back.T + origin) * unit
        if (size[1] if quarters % 2 else size[0]) >= _MIN_WIDTH:
            faces.append(_face(middle - size / 2, size, points, score))
    # Sure ones before doubtful ones, and of each the widest: gravel is small and doubtful.
    faces.sort(key=lambda face: (face.score >= 0.5, face.width), reverse=True)
    return faces[:_MAX_CANDIDATES]


def _confirmed(image: Image.Image, candidates: list[Face]) -> list[Face]:
    """The candidates that a close look shows to be faces, as they are seen there.

    Where the first close look has moved the face far, or is not sure, another starts from there.
    """
    faces: list[Face] = []
    again: list[Face] = []
    for candidate, seen in zip(candidates, _look_closely(image, candidates), strict=True):
        if seen is None:
            continue
        sure = seen.score >= MIN_SCORE and _moved(candidate, seen) <= _STEADY
        (faces if sure else again).append(seen)
    faces += [face for face in _look_closely(image, again) if face is not None]
    return [face for face in faces if face.score >= MIN_SCORE]


def _look_closely(image: Image.Image, candidates: list[Face]) -> list[Face | None]:
    """Each candidate as it is seen level and at the network's best size; None if it is not."""
    if not candidates:
        return []
    matrices = [_close_view(face) for face in candidates]
    crops = [warp(image, matrix, (_CLOSE, _CLOSE), fine=False, fill=GREY) for matrix in matrices]
    pixels = np.stack([np.asarray(crop) for crop in crops])
    faces: list[Face | None] = []
    for candidate, matrix, found in zip(
        candidates, matrices, detect(pixels, _HOPELESS, fine=False), strict=True
    ):
        views = (_in_image(one, matrix) for one in found)
        faces.append(next((view for view in views if _same(view, candidate)), None))
    return faces


def _close_view(face: Face) -> Floats:
    """The transform [2, 3] from a close look to the image: both know where the canvas would be."""
    matrix = similarity(TEMPLATE, face.landmarks)
    corner = matrix[:, :2] @ (_CENTRE - _CLOSE / _ZOOM / 2) + matrix[:, 2]
    return np.hstack([matrix[:, :2] / _ZOOM, corner[:, None]])


def _in_image(seen: Detection, matrix: Floats) -> Face:
    """A face of a close look, in pixels of the image; its box is not turned, only moved."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    size = seen.box[2:] * math.hypot(linear[0, 0], linear[1, 0])
    middle = linear @ (seen.box[:2] + seen.box[2:] / 2) + shift
    return _face(middle - size / 2, size, seen.landmarks @ linear.T + shift, seen.score)


def _face(corner: Floats, size: Floats, landmarks: Floats, score: float) -> Face:
    (left, top), (width, height) = corner.tolist(), size.tolist()
    return Face((left, top, width, height), landmarks, score)


def _moved(one: Face, other: Face) -> float:
    """How far apart two views of a face are: RMS pixels of the canvas that the first leads to."""
    matrix = similarity(TEMPLATE, one.landmarks)
    back = np.linalg.inv(matrix[:, :2]).astype(np.float64)
    return displacement((other.landmarks - matrix[:, 2]) @ back.T)


def _among(face: Face, others: list[Face]) -> bool:
    return any(_same(face, other) for other in others)


def _same(one: Face, other: Face) -> bool:
    (ax, ay, aw, ah), (bx, by, bw, bh) = one.box, other.box
    across = min(ax + aw, bx + bw) - max(ax, bx)
    down = min(ay + ah, by + bh) - max(ay, by)
    return across > 0 and down > 0 and across * down > SAME_FACE * min(aw * ah, bw * bh)
