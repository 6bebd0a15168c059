"""What callers hand to `encode`, `decode` and `info`: files by their names, bytes, open files."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from stc.bitstream import MAX_BYTES

Data = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO


def bytes_of(source: Data) -> bytes:
    """The bytes of a .stc file: a path, anything that holds bytes, or an open binary file.

    Of a longer file only so much is read as shows that it is too long to be one.

    Raises TypeError for anything else, OSError for a file that cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return file.read(MAX_BYTES + 1)
    if hasattr(source, "read"):
        found = source.read(MAX_BYTES + 1)
        if isinstance(found, bytes):
            return found
        raise TypeError("a .stc file that is open must have been opened in binary mode")
    try:
        return bytes(memoryview(source))
    except TypeError:
        raise TypeError(
            f"a .stc file must be bytes, a path or an open binary file, not {_name(source)}"
        ) from None


def check_picture(source: object) -> None:
    """Raise TypeError for what cannot be a picture: `stc.encode` lists what can."""
    # An image or an array is recognised without importing its library, which has been if it is one.
    plain = isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview))
    if not plain and not any(hasattr(source, name) for name in ("read", "convert", "dtype")):
        raise TypeError(
            "a picture must be a path, bytes, an open binary file, a PIL image or an array, "
            f"not {_name(source)}"
        )


def _name(source: Any) -> str:
    return "None" if source is None else type(source).__name__
