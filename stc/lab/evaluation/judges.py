"""Recognisers that judge a codec: canvas faces -> embeddings.

dlib needs an extra of the package; any other recogniser comes as an ONNX file, with a description
of its input in a TOML file of the same name beside it, where that is not ArcFace's.
"""

from __future__ import annotations

from typing import Protocol

from stc.recognition.base import Embeddings, Faces
from stc.recognition.opening import open_recogniser


class Judge(Protocol):
    """Anything that embeds faces."""

    name: str
    key: str  # changes when the judge would say something else
    note: str  # what a reader of its figures should know

    def embed(self, faces: Faces) -> Embeddings:
        """uint8 [N, 128, 128, 3] on the canvas -> [N, D]."""
        ...


def open_judge(text: str) -> Judge:
    """The judge that `dlib` or `NAME=FILE.onnx` means. Raises StcError."""
    return open_recogniser(text)
