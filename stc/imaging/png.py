"""PNG files reduced to the chunks that affect their picture.

Pillow rejects a picture with a long text, or with one wrong byte in a chunk that does not affect
pixels; viewers skip those chunks.
"""

from __future__ import annotations

import struct
import zlib

MAGIC = b"\x89PNG\r\n\x1a\n"

# Chunks that affect pixels, with their sizes if these are fixed.
_KEPT_CHUNKS = {b"tRNS": None, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"iCCP": None, b"eXIf": None}
# Keywords of texts that may state the orientation.
_ORIENTATION_TEXTS = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
# Bytes of a text or a profile, decompressed; Pillow rejects longer ones.
_MAX_TEXT = 1 << 20
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


def first_picture(data: bytes) -> bytes:
    """Reduce a PNG file to the chunks of its picture, ended by IEND.

    Of an animation this is the default picture. Data with an unknown critical chunk are returned
    unchanged.
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
            return data  # an unknown critical chunk, which no decoder may skip
        place = end
    if place < len(data) and data[place + 4 : place + 8] == b"IDAT":
        parts.append(data[place:])  # truncated inside its pixels
    else:
        parts.append(_END)
    return b"".join(parts)


def _keeps(kind: bytes, body: bytes, checksum: bytes) -> bool:
    """Whether an ancillary chunk affects pixels, and is valid."""
    if int.from_bytes(checksum, "big") != zlib.crc32(kind + body):
        return False
    if kind == b"iCCP":
        name, _, packed = body.partition(b"\0")
        return len(name) < 80 and packed[:1] == b"\0" and _decompresses(packed[1:])
    if kind == b"tEXt":
        return body.startswith(_ORIENTATION_TEXTS) and len(body) < _MAX_TEXT
    if kind == b"zTXt":
        packed = body.partition(b"\0")[2]
        return (
            body.startswith(_ORIENTATION_TEXTS)
            and packed[:1] == b"\0"
            and _decompresses(packed[1:])
        )
    if kind == b"iTXt":
        packing = body.partition(b"\0")[2][:1]
        return body.startswith(_ORIENTATION_TEXTS) and packing == b"\0" and len(body) < _MAX_TEXT
    size = _KEPT_CHUNKS.get(kind, -1)
    return size is None or len(body) == size


def _decompresses(packed: bytes) -> bool:
    """Whether data are a complete zlib stream that decompresses to at most _MAX_TEXT bytes."""
    stream = zlib.decompressobj()
    try:
        stream.decompress(packed, _MAX_TEXT)
    except zlib.error:
        return False
    return stream.eof
