"""AgeDB-30, CALFW, CPLFW and others as InsightFace's `.bin` files.

Such a file is a pickle of (list of encoded pictures, list of booleans): pictures 2i and 2i + 1 make
pair i. Unpickling can run arbitrary code, so this module interprets the opcodes itself: it supports
the few that lists, booleans and bytes need, and rejects a file with any other.
"""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from stc.canvas import CANVAS
from stc.errors import DataError
from stc.imaging import load_image
from stc.lab.evaluation.verification import Pairs
from stc.recognition.base import CROP

FOLDS = 10

_MARK = object()
_ENCODE = object()  # stands for _codecs.encode: pickle protocol 2 stores bytes as a call of it
_IGNORED = {"PROTO", "FRAME", "STOP"}
_BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "SHORT_BINSTRING", "BINSTRING"}
_NUMBERS = {"INT", "BININT", "BININT1", "BININT2"}
_PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
_GET = {"GET", "BINGET", "LONG_BINGET"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_bin(path: Path) -> tuple[Pairs, list[bytes]]:
    """The pairs of a `.bin` file, and its encoded pictures; picture i has the name str(i).

    The ten folds are runs of consecutive pairs, as in InsightFace (scikit-learn's KFold).
    Raises DataError for any other content; no code of the file is run.
    """
    content = parse_lists(path.read_bytes(), path.name)
    if not (isinstance(content, tuple | list) and len(content) == 2):
        raise DataError(f"{path}: the pickle is not a pair of lists")
    pictures, same = content
    if not (isinstance(pictures, list) and all(isinstance(x, bytes) for x in pictures)):
        raise DataError(f"{path}: the first list must contain encoded pictures (bytes)")
    if not (isinstance(same, list) and all(x in (0, 1) for x in same)):
        raise DataError(f"{path}: the second list must contain booleans")
    if not same or len(pictures) != 2 * len(same):
        raise DataError(f"{path}: {len(pictures)} pictures, but {len(same)} pairs")
    parts = np.array_split(np.arange(len(same)), FOLDS)
    fold = np.concatenate([np.full(len(part), i) for i, part in enumerate(parts)])
    names = [str(i) for i in range(len(pictures))]
    return Pairs(names[::2], names[1::2], np.array(same, bool), fold), pictures


def on_canvas(picture: bytes) -> npt.NDArray[np.uint8]:
    """An encoded ArcFace crop on the canvas, uint8 [128, 128, 3].

    Canvas pixels outside the crop repeat its border.
    """
    low, high = CROP.start, CROP.stop
    side = high - low
    crop = load_image(picture).resize((side, side), Image.Resampling.LANCZOS)
    return np.pad(np.asarray(crop), ((low, CANVAS - high), (low, CANVAS - high), (0, 0)), "edge")


def parse_lists(data: bytes, name: str = "pickle") -> Any:
    """The value of a pickle that has only lists, tuples, bytes, text, booleans and integers.

    Nothing is imported or called. Raises DataError, which starts with `name`, for other pickles.
    """
    try:
        return _Walk().run(data)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except (ValueError, IndexError, KeyError, AttributeError, TypeError, UnicodeError) as error:
        raise DataError(f"{name}: not a valid pickle: {error}") from error


class _Walk:
    """A pickle interpreter that supports only opcodes without side effects."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(data):
            self.step(opcode.name, argument)
        (value,) = self.stack
        return value

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _IGNORED:
            return
        if name in _BYTES:
            # pickletools returns Python 2's byte strings as text in Latin-1.
            text = isinstance(argument, str)
            stack.append(argument.encode("latin-1") if text else bytes(argument))
        elif name in _NUMBERS or name in ("BINUNICODE", "SHORT_BINUNICODE"):
            stack.append(argument)
        elif name in ("NEWTRUE", "NEWFALSE"):
            stack.append(name == "NEWTRUE")
        elif name == "MARK":
            stack.append(_MARK)
        elif name in _PUT:
            self.memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in _GET:
            stack.append(self.memo[int(argument)])
        else:
            self.build(name, argument)

    def build(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name == "EMPTY_LIST":
            stack.append([])
        elif name == "EMPTY_TUPLE":
            stack.append(())
        elif name == "LIST":
            stack.append(self.marked())
        elif name == "TUPLE":
            stack.append(tuple(self.marked()))
        elif name in _TUPLES:
            size = _TUPLES[name]
            stack[-size:] = [tuple(stack[-size:])]
        elif name == "APPEND":
            value = stack.pop()
            self.target().append(value)
        elif name == "APPENDS":
            values = self.marked()
            self.target().extend(values)
        elif name == "GLOBAL" and argument == "_codecs encode":
            stack.append(_ENCODE)
        elif name == "REDUCE":
            function, (text, coding) = stack[-2:]
            if function is not _ENCODE or coding not in ("latin1", "latin-1"):
                raise DataError("it calls a function, which lists of pictures never need")
            stack[-2:] = [text.encode("latin-1")]
        else:
            what = f"{name} {argument}" if argument else name
            raise DataError(f"it contains {what[:60]!r}, which lists of pictures never need")

    def marked(self) -> list[Any]:
        """Pop the values above the last mark, and the mark."""
        start = len(self.stack) - 1
        while self.stack[start] is not _MARK:
            start -= 1
            if start < 0:
                raise DataError("it closes a list or tuple that was not opened")
        values = self.stack[start + 1 :]
        del self.stack[start:]
        return values

    def target(self) -> list[Any]:
        if not isinstance(self.stack[-1], list):
            raise DataError("it appends to a value that is not a list")
        found: list[Any] = self.stack[-1]
        return found
