"""From any picture to the canvas: one face, eyes level, 128 x 128 pixels.

* reading: files, images and arrays -> upright RGB; `formats` opens files, `jpeg`, `png`, `tiff` and
  `jxl` see to what Pillow does not, `levels` and `profiles` to black, white and colours, `rows` to
  pictures that are cut short
* detection: where the faces are; `network` runs the detector, `warping` samples pictures
* alignment: the place of a face on the canvas
* framing: all of it, and which face is meant
* marking: what is said of a picture that was decoded
* similarity: how alike two pictures are

What is named here is imported when it is first used: who only marks a picture needs no detector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stc.lazy import lazily

if TYPE_CHECKING:
    from stc.imaging.alignment import align
    from stc.imaging.detection import Face, find_faces
    from stc.imaging.formats import ENDINGS
    from stc.imaging.framing import frame, frame_batch
    from stc.imaging.reading import Source, load_image

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

_HOMES = {
    "ENDINGS": "formats",
    "Face": "detection",
    "Source": "reading",
    "align": "alignment",
    "find_faces": "detection",
    "frame": "framing",
    "frame_batch": "framing",
    "load_image": "reading",
}

__getattr__ = lazily(__name__, _HOMES)
