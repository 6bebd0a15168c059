"""Which recogniser a name on the command line means."""

from __future__ import annotations

from pathlib import Path

from stc.errors import StcError
from stc.recognition.base import Recogniser
from stc.recognition.dlib import Dlib
from stc.recognition.onnx import Onnx


def open_recogniser(text: str) -> Recogniser:
    """The recogniser that `dlib` or `NAME=FILE.onnx` means.

    Raises StcError for another text or a file that cannot be run, MissingExtraError if dlib's is
    asked for and the extra `protection` is not installed.
    """
    name, _, file = text.partition("=")
    if file:
        return Onnx(name, Path(file))
    if text == "dlib":
        return Dlib()
    raise StcError(f"recogniser {text!r} is neither dlib nor NAME=FILE.onnx")
