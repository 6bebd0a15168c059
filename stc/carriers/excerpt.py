"""The beginning of unexpected data, in a form that can be read in an error message."""

from __future__ import annotations

_SHOWN = 16  # bytes


def excerpt(data: bytes) -> str:
    """The first bytes of data: as quoted text if they are printable ASCII, else in hexadecimal.

    >>> excerpt(b"hello")
    "'hello'"
    >>> excerpt(bytes([137, 80]))
    'the bytes 89 50'
    """
    start = data[:_SHOWN]
    text = start.decode("ascii", "replace").rstrip("\r\n\t ")
    more = "..." if len(data) > _SHOWN else ""
    if text and text.isascii() and text.isprintable():
        return f"'{text}{more}'"
    return f"the bytes {start[:8].hex(' ')}"
