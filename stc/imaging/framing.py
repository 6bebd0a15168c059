"""Picture -> canvas: choosing the face, aligning it, accepting aligned pictures."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from stc.canvas import CANVAS
from stc.errors import (
    FaceCutError,
    FaceTooSmallError,
    ModelError,
    NoFaceError,
    SettingsError,
    SeveralFacesError,
    StcError,
)
from stc.floating_point import standard_floats
from stc.imaging.alignment import align as warp
from stc.imaging.alignment import displacement, is_cut
from stc.imaging.detection import Face, find_faces
from stc.imaging.quiet import quiet
from stc.imaging.reading import Source, load_image
from stc.settings import Align, Choice

_log = logging.getLogger(__name__)

Canvas = npt.NDArray[np.uint8]  # [128, 128, 3]

MIN_WIDTH = 40  # pixels between the ears, in the source

# Faces narrower than this fraction of the widest one count as background.
RIVAL = 0.5

# Displacement, in RMS canvas pixels, up to which a face counts as aligned. The scatter of the
# detector on aligned faces has a median of 2, and is below 4 for 96 % of them. The rest is aligned
# again, which loses little; a larger limit would accept loose crops, which loses more.
ON_CANVAS = 4.0


@standard_floats()
def frame(image: Source, align: Align = "auto", face: Choice = "only") -> Canvas:
    """Find the face in a picture and align it -> the canvas, uint8 [128, 128, 3].

    align: "always" detects and aligns the face. "auto" does so unless the picture is square and a
        face in it is aligned already: then the picture is only resized, and other faces are
        ignored. "never" detects nothing, and resizes the picture, or its central square.
    face: if there are several faces, "only" raises an error; "largest" takes the largest, or the
        most central of similar ones. Faces less than half as wide as the widest are not counted.

    Raises ImageError, NoFaceError, SeveralFacesError, FaceTooSmallError (less than 40 px between
    the ears), FaceCutError (the picture ends between brows and chin), ModelError if the detector's
    weights are missing or were changed, OSError for a file that cannot be opened, SettingsError for
    another `align` or `face`, ValueError for an array of another shape or type.
    """
    _check(align, face)
    picture = load_image(image)
    if align == "never":
        return _resized(picture)
    faces = find_faces(picture)
    for found in faces:
        _log.debug(
            "found a face %.0f px wide at (%.0f, %.0f), score %.2f",
            *(found.width, *found.centre, found.score),
        )
    if align == "auto" and any(_on_canvas(found, picture.size) for found in faces):
        _log.debug("the picture is a canvas already")
        return _resized(picture)
    return warp(picture, _chosen(faces, picture.size, face).landmarks)


def frame_batch(
    pictures: Iterable[Source], align: Align = "auto", face: Choice = "only"
) -> list[Canvas | Exception]:
    """Apply `frame` to each picture -> its canvas, uint8 [128, 128, 3], or the error it raised.

    An unusable picture does not end the batch. Raises only errors that no picture has caused:
    ModelError, and SettingsError for another `align` or `face`.
    """
    _check(align, face)
    framed: list[Canvas | Exception] = []
    for picture in pictures:
        try:
            framed.append(frame(picture, align, face))
        except ModelError:
            raise
        except (StcError, OSError, ValueError, TypeError) as error:
            framed.append(error)
    return framed


def _check(align: str, face: str) -> None:
    if align not in get_args(Align):
        raise SettingsError(f"align must be one of {', '.join(get_args(Align))}, not {align!r}")
    if face not in get_args(Choice):
        raise SettingsError(f"face must be one of {', '.join(get_args(Choice))}, not {face!r}")


def _on_canvas(face: Face, size: tuple[int, int]) -> bool:
    width, height = size
    if width != height or face.width < MIN_WIDTH:
        return False
    return displacement(face.landmarks * (CANVAS / width)) <= ON_CANVAS


def _chosen(faces: list[Face], size: tuple[int, int], choice: Choice) -> Face:
    """Choose a face of `faces`, the widest first, in a picture of `size` (width, height).

    Raises NoFaceError, FaceTooSmallError, SeveralFacesError, FaceCutError.
    """
    width, height = size
    if not faces:
        raise NoFaceError(
            f"no face found in {width} x {height} pixels; if the picture is a cropped face, "
            "try --align never"
        )
    if faces[0].width < MIN_WIDTH:
        raise FaceTooSmallError(
            f"the face is {faces[0].width:.0f} pixels wide from ear to ear, "
            f"at least {MIN_WIDTH} are needed; use a larger picture"
        )
    rivals = [face for face in faces if face.width >= max(RIVAL * faces[0].width, MIN_WIDTH)]
    if len(rivals) > 1 and choice == "only":
        places = ", ".join(
            f"{face.width:.0f} px wide at ({face.centre[0]:.0f}, {face.centre[1]:.0f})"
            for face in rivals
        )
        raise SeveralFacesError(
            f"{len(rivals)} faces found: {places}; crop the picture, or try --face largest"
        )
    found = max(rivals, key=lambda face: _prominence(face, size))
    if is_cut(found.landmarks, size):
        raise FaceCutError(
            "the picture ends inside the face; use one with the whole face, from above the brows "
            "to below the chin"
        )
    return found


def _prominence(face: Face, size: tuple[int, int]) -> float:
    """Width of a face in pixels, weighted by 1 at the picture's centre down to 1/2 at a corner."""
    width, height = size
    x, y = face.centre
    away = math.hypot(x - width / 2, y - height / 2) / math.hypot(width / 2, height / 2)
    return face.width * (1 - 0.5 * min(away, 1.0))


def _resized(image: Image.Image) -> Canvas:
    """Resize the central square to the size of the canvas."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    with quiet():  # Pillow warns of large squares
        square = image.crop((left, top, left + side, top + side))
    return np.array(square.resize((CANVAS, CANVAS), Image.Resampling.LANCZOS, reducing_gap=3.0))
