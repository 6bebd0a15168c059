"""Inputs of `encode`, `decode` and `info`: paths, bytes and open files."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from stc.bitstream import MAX_BYTES

Data = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO


def bytes_of(source: Data) -> bytes:
    """Return the bytes of a .stc file.

    source: a path, an object that holds bytes, or an open binary file. Of a file that is too long
    to be a .stc file only the first MAX_BYTES + 1 bytes are read.

    Raises TypeError for another type, OSError for a file that cannot be read.
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
    """Raise TypeError if the type cannot be a picture; `stc.encode` lists the accepted types."""
    # PIL images and arrays are recognised by attributes, so that no library has to be imported.
    plain = isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview))
    if not plain and not any(hasattr(source, name) for name in ("read", "convert", "dtype")):
        raise TypeError(
            "a picture must be a path, bytes, an open binary file, a PIL image or an array, "
            f"not {_name(source)}"
        )


def _name(source: Any) -> str:
    return "None" if source is None else type(source).__name__
