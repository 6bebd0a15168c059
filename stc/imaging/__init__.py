"""From any picture to the canvas: one face, eyes level, 128 x 128 pixels."""

from stc.imaging.alignment import CANVAS, align
from stc.imaging.detection import Face, find_faces
from stc.imaging.framing import Align, Choice, frame
from stc.imaging.reading import ENDINGS, Source, load_image

__all__ = [
    "CANVAS",
    "ENDINGS",
    "Align",
    "Choice",
    "Face",
    "Source",
    "align",
    "find_faces",
    "frame",
    "load_image",
]
