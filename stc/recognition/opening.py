"""Opens the recognition model that a name on the command line stands for."""

from __future__ import annotations

from pathlib import Path

from stc.errors import StcError
from stc.recognition.base import Recogniser
from stc.recognition.dlib import Dlib
from stc.recognition.onnx import Onnx


def open_recogniser(text: str) -> Recogniser:
    """The recognition model for `dlib` or `NAME=FILE.onnx`.

    Raises StcError for any other text and for a missing file, ModelError for a file that is not a
    recognition model, DataError for a wrong description, MissingExtraError for `dlib` if the extra
    `protection` is not installed.
    """
    name, _, file = text.partition("=")
    if file:
        return Onnx(name, Path(file))
    if text == "dlib":
        return Dlib()
    raise StcError(f"recogniser {text!r} is neither dlib nor NAME=FILE.onnx")
