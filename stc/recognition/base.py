"""What a recogniser is, and which one a name on the command line means."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stc.errors import StcError

Faces = npt.NDArray[np.uint8]  # [N, 128, 128, 3]
Embeddings = npt.NDArray[np.float32]  # [N, D]
Maps = npt.NDArray[np.float32]  # [N, C, H, W]

# Faces at a time: large enough for the matrix products, small enough for the processor's cache.
BATCH = 16
# The ArcFace 112 px crop is this square of the canvas.
CROP = slice(12, 116)


class Recogniser(Protocol):
    """Anything that embeds faces, and shows the last map of features that it does so from."""

    name: str
    key: str  # changes when the recogniser would say something else
    note: str  # what a reader of its figures should know

    def embed(self, faces: Faces) -> Embeddings:
        """uint8 [N, 128, 128, 3] on the canvas -> [N, D]."""
        ...

    def look(self, faces: Faces) -> tuple[Embeddings, Maps]:
        """The embeddings, and the last map of more than one cell, [N, C, H, W]."""
        ...


def open_recogniser(text: str) -> Recogniser:
    """The recogniser that `dlib` or `NAME=FILE.onnx` means. Raises StcError."""
    name, _, file = text.partition("=")
    if file:
        from stc.recognition.onnx import Onnx

        return Onnx(name, Path(file))
    if text != "dlib":
        raise StcError(f"recogniser {text!r} is neither dlib nor NAME=FILE.onnx")
    from stc.recognition.dlib import Dlib

    return Dlib()
