"""PNG without what is no part of the picture.

Pillow refuses a picture for a text that is too long, or for one bad byte in a chunk that says
nothing of pixels; viewers pass over those.
"""

from __future__ import annotations

import struct
import zlib

MAGIC = b"\x89PNG\r\n\x1a\n"

# Sizes, if they are fixed, of the chunks that say how pixels are meant.
_MEANT = {b"tRNS": None, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"iCCP": None, b"eXIf": None}
# Texts that may say which way up the picture is.
_TURNED = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
# What a text or a profile may unfold to; Pillow refuses more.
_MOST = 1 << 20
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


def first_picture(data: bytes) -> bytes:
    """The chunks of a PNG file that its picture needs, with an end; without them, the data.

    Of an animation that is the picture which programs show that know no animations.
    """
    parts = [MAGIC]
    place = len(MAGIC)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if kind == b"IEND" or end > len(data):
            break
        if kind in (b"IHDR", b"PLTE", b"IDAT") or (
            kind[:1].islower() and _keeps(kind, data[place + 8 : end - 4], data[end - 4 : end])
        ):
            parts.append(data[place:end])
        elif kind[:1].isupper():
            return data  # no chunk that a decoder may pass over
        place = end
    if place < len(data) and data[place + 4 : place + 8] == b"IDAT":
        parts.append(data[place:])  # cut short amid its pixels
    else:
        parts.append(_END)
    return b"".join(parts)


def _keeps(kind: bytes, body: bytes, checksum: bytes) -> bool:
    """Whether a chunk that decoders may pass over has to do with pixels, and is sound."""
    if int.from_bytes(checksum, "big") != zlib.crc32(kind + body):
        return False
    if kind == b"iCCP":
        name, _, packed = body.partition(b"\0")
        return len(name) < 80 and packed[:1] == b"\0" and _unfolds(packed[1:])
    if kind == b"tEXt":
        return body.startswith(_TURNED) and len(body) < _MOST
    if kind == b"zTXt":
        packed = body.partition(b"\0")[2]
        return body.startswith(_TURNED) and packed[:1] == b"\0" and _unfolds(packed[1:])
    if kind == b"iTXt":
        packing = body.partition(b"\0")[2][:1]
        return body.startswith(_TURNED) and packing == b"\0" and len(body) < _MOST
    size = _MEANT.get(kind, -1)
    return size is None or len(body) == size


def _unfolds(packed: bytes) -> bool:
    """Whether it is a whole zlib stream of no more than a megabyte."""
    stream = zlib.decompressobj()
    try:
        stream.decompress(packed, _MOST)
    except zlib.error:
        return False
    return stream.eof
