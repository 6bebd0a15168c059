"""Face detection in two passes, over image scales and quarter turns.

The first pass runs the network on a small copy of the picture, with a low threshold; the second
runs it on each candidate, upright and at the size where the network is most accurate, and rejects
candidates that it does not confirm. So the first pass can detect faces half as wide as it could
with a high threshold. Larger copies follow only while they can show more faces. Every pass runs on
reduced copies, so the time is bounded for any size of picture.

The network detects heads that are tilted by up to 60 degrees. In an upside-down head it detects
nothing, or a face with the mouth as eyes, at a lower score. If no face is certain, the copies are
searched again after quarter turns, and the orientation with the most certain face is used.
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

# The long sides, in pixels, of the copies that are searched until a face is detected. The last one
# shows faces of 40 px in pictures of 3000 px.
_SIDES = (184, 512, 1408)
# Minimum width of the grey border around a copy, in pixels.
_MIN_BORDER = 4
# Detections in a copy are candidates from this score on. At .05 they include nine of ten faces that
# are _RELIABLE_WIDTH px wide in the copy, nineteen of twenty at 26 px and 99 of 100 from 32 px on.
_MIN_CANDIDATE = 0.05
_RELIABLE_WIDTH = 22
# Candidates narrower than this, in pixels of the picture, are too small to encode, and ignored.
_MIN_WIDTH = 16
# Candidates of a copy that get a second pass. Bounds the time for crowds, and for gravel.
_MAX_CANDIDATES = 16
# The next copy is searched if it is larger by this factor.
_MIN_ENLARGEMENT = 1.1

# Counter-clockwise turns of a copy, and the inverse of a quarter turn: except for the shift, the
# point (x, y) of the turned copy is (-y, x) of the copy.
_TURNS = {
    1: Image.Transpose.ROTATE_90,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_270,
}
_QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])

# The crop of the second pass: pixels along each side, crop pixels per canvas pixel, and the canvas
# point at its centre. Faces are about 120 px wide there, where landmarks are most accurate, and
# upright.
_CLOSE = 160
_ZOOM = 1.5
_CENTRE = np.array([64.0, 75.0])
# The minimum score of a face in the second pass; below _MIN_RETRY there is no second attempt.
MIN_SCORE = 0.97
_MIN_RETRY = 0.3
# From this score on a face is certain. Of 40 upright faces 39 reach it, of faces in a wrong
# orientation none: their maximum is .9973.
SURE = 0.999
# A turned orientation is used if it raises the odds of the most certain face by this factor.
_MIN_ODDS_RATIO = 2.0
# If the second pass moves a face further, in RMS canvas pixels, it is repeated from the new place.
_MAX_MOVE = 6.0


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture, in pixels of that picture; x grows to the right, y downwards."""

    box: tuple[float, float, float, float]  # left, top, width, height
    landmarks: Floats  # [5, 2]: eyes, nose tip, mouth corners; the image's left one first
    score: float  # 0 to 1

    @property
    def width(self) -> float:
        """Width of the box in pixels, approximately the distance between the ears."""
        return self.box[2]

    @property
    def centre(self) -> tuple[float, float]:
        """Centre (x, y) of the box."""
        left, top, width, height = self.box
        return left + width / 2, top + height / 2


@standard_floats()
def find_faces(image: Image.Image) -> list[Face]:
    """Find the faces in an RGB image of any orientation, the widest first; [] if there is none.

    All faces of a picture are assumed to have one orientation, to within 60 degrees. Faces less
    than half as wide as the widest may be missing: they count as background.
    Raises ModelError if the file of the network's weights is missing or was changed.
    """
    best: list[Face] = []
    copies: dict[int, Image.Image] = {}
    for quarters in (0, 2, 1, 3):
        faces = _search(image, quarters, best, copies)
        if _odds(faces) > _MIN_ODDS_RATIO * _odds(best):
            best = faces
        if _odds(best) >= SURE / (1 - SURE):
            break
    return sorted(best, key=lambda face: face.width, reverse=True)


def _odds(faces: list[Face]) -> float:
    """The odds p / (1 - p) of the most certain face; 0 if there is none."""
    return max((face.score / (1 - min(face.score, 1 - 1e-12)) for face in faces), default=0.0)


def _search(
    image: Image.Image, quarters: int, known: list[Face], copies: dict[int, Image.Image]
) -> list[Face]:
    """Find the faces of an image after a number of quarter turns, counter-clockwise.

    known: faces of another orientation; they limit the scales if no face is detected in this one.
    copies: reduced copies of the image by their long sides; missing ones are added.
    """
    longest = max(image.size)
    faces: list[Face] = []
    side = _SIDES[0]
    while True:
        unknown = [
            face
            for face in _first_pass(image, side, quarters, copies)
            if not _is_known(face, faces)
        ]
        for face in _confirmed(image, unknown):
            if not _is_known(face, faces):
                faces.append(face)
        larger = min(_next_side(faces or known, side, longest), longest, _SIDES[-1])
        if larger < side * _MIN_ENLARGEMENT:
            return faces
        side = larger


def _next_side(faces: list[Face], side: int, longest: int) -> int:
    """The long side of the copy to search after one of `side` px; `side` if none can show more.

    If the widest face is 2 * _RELIABLE_WIDTH px wide in the copy, no face half as wide was missed.
    """
    if not faces:
        return next((larger for larger in _SIDES if larger > side), side)
    widest = max(face.width for face in faces) * side / longest
    return side if widest >= 2 * _RELIABLE_WIDTH else math.ceil(side * 2 * _RELIABLE_WIDTH / widest)


def _first_pass(
    image: Image.Image, side: int, quarters: int, copies: dict[int, Image.Image]
) -> list[Face]:
    """Detect candidates in a copy whose long side has `side` px, turned counter-clockwise."""
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
    across, down = (-(-(length + 2 * _MIN_BORDER) // GRAIN) * GRAIN for length in small.size)
    left, top = (across - small.width) // 2, (down - small.height) // 2
    framed = Image.new("RGB", (across, down), GREY)
    framed.paste(small, (left, top))
    (found,) = detect(np.asarray(framed)[None], _MIN_CANDIDATE)
    # Width and height were rounded separately, so the two axes have different scales.
    unit, corner = np.array(image.size) / (width, height), np.array([left, top])
    faces = []
    for box, landmarks, score in found:
        size = np.abs(back @ box[2:]) * unit
        middle = (back @ (box[:2] + box[2:] / 2 - corner) + origin) * unit
        points = ((landmarks - corner) @ back.T + origin) * unit
        if (size[1] if quarters % 2 else size[0]) >= _MIN_WIDTH:
            faces.append(_face(middle - size / 2, size, points, score))
    # Scores of at least .5 first, then by width: false detections are small and uncertain.
    faces.sort(key=lambda face: (face.score >= 0.5, face.width), reverse=True)
    return faces[:_MAX_CANDIDATES]


def _confirmed(image: Image.Image, candidates: list[Face]) -> list[Face]:
    """The candidates that the second pass confirms, with its boxes, landmarks and scores.

    If it moves a face far, or its score is below MIN_SCORE, it is repeated from the new place.
    """
    faces: list[Face] = []
    again: list[Face] = []
    for candidate, seen in zip(candidates, _second_pass(image, candidates), strict=True):
        if seen is None:
            continue
        sure = seen.score >= MIN_SCORE and _moved(candidate, seen) <= _MAX_MOVE
        (faces if sure else again).append(seen)
    faces += [face for face in _second_pass(image, again) if face is not None]
    return [face for face in faces if face.score >= MIN_SCORE]


def _second_pass(image: Image.Image, candidates: list[Face]) -> list[Face | None]:
    """Detect each candidate in an upright crop, at the network's best size; None if it is lost."""
    if not candidates:
        return []
    matrices = [_close_view(face) for face in candidates]
    crops = [warp(image, matrix, (_CLOSE, _CLOSE), fine=False, fill=GREY) for matrix in matrices]
    pixels = np.stack([np.asarray(crop) for crop in crops])
    faces: list[Face | None] = []
    for candidate, matrix, found in zip(
        candidates, matrices, detect(pixels, _MIN_RETRY, fine=False), strict=True
    ):
        views = (_in_image(one, matrix) for one in found)
        faces.append(next((view for view in views if _is_same_face(view, candidate)), None))
    return faces


def _close_view(face: Face) -> Floats:
    """The transform [2, 3] from the crop of the second pass to the image."""
    matrix = similarity(TEMPLATE, face.landmarks)
    corner = matrix[:, :2] @ (_CENTRE - _CLOSE / _ZOOM / 2) + matrix[:, 2]
    return np.hstack([matrix[:, :2] / _ZOOM, corner[:, None]])


def _in_image(seen: Detection, matrix: Floats) -> Face:
    """A face of the second pass in pixels of the image; its box is scaled and moved, not turned."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    size = seen.box[2:] * math.hypot(linear[0, 0], linear[1, 0])
    middle = linear @ (seen.box[:2] + seen.box[2:] / 2) + shift
    return _face(middle - size / 2, size, seen.landmarks @ linear.T + shift, seen.score)


def _face(corner: Floats, size: Floats, landmarks: Floats, score: float) -> Face:
    (left, top), (width, height) = corner.tolist(), size.tolist()
    return Face((left, top, width, height), landmarks, score)


def _moved(one: Face, other: Face) -> float:
    """The distance between two detections of a face, in RMS pixels of the first one's canvas."""
    matrix = similarity(TEMPLATE, one.landmarks)
    back = np.linalg.inv(matrix[:, :2]).astype(np.float64)
    return displacement((other.landmarks - matrix[:, 2]) @ back.T)


def _is_known(face: Face, others: list[Face]) -> bool:
    return any(_is_same_face(face, other) for other in others)


def _is_same_face(one: Face, other: Face) -> bool:
    (ax, ay, aw, ah), (bx, by, bw, bh) = one.box, other.box
    across = min(ax + aw, bx + bw) - max(ax, bx)
    down = min(ay + ah, by + bh) - max(ay, by)
    return across > 0 and down > 0 and across * down > SAME_FACE * min(aw * ah, bw * bh)
