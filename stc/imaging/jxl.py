"""The size of a JPEG XL picture from its header.

Pillow's plug-in decodes a picture when it is opened, so the size has to be checked before.
"""

from __future__ import annotations

from typing import BinaryIO

from stc.errors import ImageError

_BARE = b"\xff\x0a"
_BOXED = b"\0\0\0\x0cJXL \r\n\x87\n"
MAGICS = (_BARE, _BOXED)

# Ratios of width to height that a header can name (ISO 18181-1, SizeHeader).
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_LENGTHS = (9, 13, 18, 30)  # possible numbers of bits of a side
# The limit of `stc.imaging.reading` for pixels that are transparent or have more than 8 bits.
MAX_PIXELS = 44_500_000


def check(file: BinaryIO) -> None:
    """Raise ImageError if the picture in a file has more than MAX_PIXELS, or states no size."""
    file.seek(0)
    found = size(file.read(1 << 16))
    file.seek(0)
    if found is None:
        raise ImageError("the JPEG XL picture is broken or cut short")
    width, height = found
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"the picture has {width} x {height} pixels, at most {MAX_PIXELS} can be read safely"
        )


def size(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels that a file's first bytes state; None if they state none."""
    if head.startswith(_BOXED):
        head = _codestream(head)
    if not head.startswith(_BARE) or len(head) < 12:
        return None
    bits = int.from_bytes(head[2:12], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else 1 + take(_LENGTHS[take(2)])

    height = side()
    ratio = take(3)
    if ratio == 0:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _codestream(data: bytes) -> bytes:
    """The bytes from the start of the codestream in a file of boxes; empty if there is none."""
    place = len(_BOXED)
    while place + 8 <= len(data):
        length, kind, header = int.from_bytes(data[place : place + 4], "big"), data[place + 4 :], 8
        if length == 1:
            length, header = int.from_bytes(data[place + 8 : place + 16], "big"), 16
        if kind.startswith(b"jxlc"):
            return data[place + header :]
        if kind.startswith(b"jxlp"):
            return data[place + header + 4 :]
        if length < header:
            break
        place += length
    return b""
