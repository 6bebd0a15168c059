"""Judges: recognition models that measure how much identity a codec preserves.

dlib needs an extra of the package. Any other recognition model is an ONNX file; if its input
differs from ArcFace's, a TOML file of the same name in the same folder describes it.
"""

from __future__ import annotations

from typing import Protocol

from stc.recognition.base import Embeddings, Faces
from stc.recognition.opening import open_recogniser


class Judge(Protocol):
    """A recognition model that measures a codec."""

    name: str
    key: str  # a cache key; it changes whenever the embeddings could differ
    note: str  # a remark for the readers of its figures, such as a limitation; may be empty

    def embed(self, faces: Faces) -> Embeddings:
        """Embed canvases uint8 [N, 128, 128, 3] -> [N, D]."""
        ...


def open_judge(text: str) -> Judge:
    """Open the judge `dlib` or `NAME=FILE.onnx`. Raises StcError if it cannot be opened."""
    return open_recogniser(text)
