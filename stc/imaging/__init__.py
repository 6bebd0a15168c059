"""From any picture to the canvas: one face, eyes level, 128 x 128 pixels; and marks on decoded ones.

What is named here is imported when it is first used: who only marks a picture needs no detector.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stc.canvas import CANVAS
    from stc.imaging.alignment import align
    from stc.imaging.detection import Face, find_faces
    from stc.imaging.framing import frame, frame_batch
    from stc.imaging.reading import ENDINGS, Source, load_image

__all__ = [
    "CANVAS",
    "ENDINGS",
    "Face",
    "Source",
    "align",
    "find_faces",
    "frame",
    "frame_batch",
    "load_image",
]

_HOMES = {
    "CANVAS": "stc.canvas",
    "ENDINGS": "stc.imaging.reading",
    "Face": "stc.imaging.detection",
    "Source": "stc.imaging.reading",
    "align": "stc.imaging.alignment",
    "find_faces": "stc.imaging.detection",
    "frame": "stc.imaging.framing",
    "frame_batch": "stc.imaging.framing",
    "load_image": "stc.imaging.reading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # found at once from now on
    return value
