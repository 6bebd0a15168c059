"""Any picture -> the canvas: one aligned face, 128 x 128 pixels.

* reading: files, images and arrays -> upright RGB; `formats` opens files; `jpeg`, `png`, `tiff` and
  `jxl` handle what Pillow does not; `levels` and `profiles` correct black, white and colours;
  `rows` completes truncated pictures
* detection: finds faces; `network` runs the detector, `warping` samples pictures
* alignment: maps a face onto the canvas
* framing: all steps from a picture to a canvas, and the choice of the face
* marking: metadata and label of decoded pictures
* similarity: PSNR and SSIM

The names of this package are imported on first use: marking a picture loads no detector.
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
