"""TIFF files of grey in which 0 is white (WhiteIsZero).

Pillow inverts samples of up to 8 bits; samples of more bits it reads without inversion, or not at
all. For those the tag is rewritten in a copy of the file, and `is_negative` reports the inversion.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from PIL import Image

_BITS, _PHOTOMETRIC, _SAMPLES = 258, 262, 277
_SHORT = 3
_MAX_TAGS = 4096
# Tags of the minimum and maximum sample value: in the type of the samples, and as unsigned shorts.
_EXTREMES = ((340, 341), (280, 281))


class _Negative(io.BytesIO):
    """A copy of a file whose WhiteIsZero tag was rewritten to BlackIsZero."""


def readable(file: BinaryIO) -> BinaryIO:
    """A file that Pillow can read: `file`, or a copy in which WhiteIsZero is rewritten."""
    file.seek(0)
    head = file.read(8)
    order = "<" if head[:2] == b"II" else ">"
    (offset,) = struct.unpack(order + "I", head[4:8].ljust(4, b"\0"))
    file.seek(offset)
    count = int.from_bytes(file.read(2), "little" if order == "<" else "big")
    entries = file.read(12 * min(count, _MAX_TAGS))
    file.seek(0)
    places = {}
    for place in range(0, len(entries) - 11, 12):
        tag, kind, many, value = struct.unpack_from(order + "HHIH", entries, place)
        if kind == _SHORT and many == 1:
            places[tag] = (place, value)
    white = places.get(_PHOTOMETRIC, (0, 1))
    if white[1] != 0 or places.get(_SAMPLES, (0, 1))[1] != 1 or places.get(_BITS, (0, 1))[1] <= 8:
        return file
    data = bytearray(file.read())
    struct.pack_into(order + "H", data, offset + 2 + white[0] + 8, 1)
    return _Negative(data)


def is_negative(image: Image.Image) -> bool:
    """Whether 0 is white in the pixels that Pillow loads, also for files from `readable`."""
    if isinstance(getattr(image, "fp", None), _Negative):
        return True
    tags = getattr(image, "tag_v2", {})
    return image.mode.startswith(("I", "F")) and tags.get(_PHOTOMETRIC) == 0


def extremes(image: Image.Image) -> tuple[float, float] | None:
    """The values of black and white that the tags of an image state; None if they state none."""
    tags = getattr(image, "tag_v2", {})
    for low, high in _EXTREMES:
        try:
            black, white = (float(_first(tags[tag])) for tag in (low, high))
        except (KeyError, TypeError, ValueError, IndexError):
            continue
        if black < white:
            return black, white
    return None


def _first(value: object) -> float:
    return float(value[0] if isinstance(value, tuple) else value)  # type: ignore[arg-type]
