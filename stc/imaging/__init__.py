"""From any picture to the canvas: one face, eyes level, 128 x 128 pixels.

* reading: files, images and arrays -> upright RGB
* detection: where the faces are; `network` runs the detector, `warping` samples pictures
* alignment: the place of a face on the canvas
* framing: all of it, and which face is meant
* marking: what is said of a picture that was decoded
* similarity: how alike two pictures are
"""

from stc.imaging.alignment import align
from stc.imaging.detection import Face, find_faces
from stc.imaging.framing import frame, frame_batch
from stc.imaging.reading import ENDINGS, Source, load_image

__all__ = [
    "ENDINGS",
    "Face",
    "Source",
    "align",
    "find_faces",
    "frame",
    "frame_batch",
    "load_image",
]
