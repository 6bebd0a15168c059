"""AVIF (AV1), by libavif through Pillow."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from stc.lab.evaluation.rivals.search import save
from stc.protobuf import read_varint

_SEQUENCE, _DELIMITER = 1, 2  # OBU types with equal content for all pictures of a size and colour


class Avif:
    """AVIF with 4:2:0 chroma, at speed 6, or 4 in the thorough search.

    Without headers, only the payload of the frame's OBUs counts (AV1 specification, section 5.3):
    no boxes of the file, no sequence header, and no types and lengths of OBUs.
    """

    name = "avif"
    qualities = (0, 2, 5, 9, 13, 18, 23, 29, 36, 44, 54, 66, 80, 95)

    def encode(self, picture: Image.Image, quality: int, thorough: bool) -> tuple[bytes, int]:
        """As `Format.encode`."""
        speed = 4 if thorough else 6
        # One thread: faces are encoded in parallel, and small pictures gain nothing from more.
        data = save(picture, "AVIF", quality=quality, speed=speed, max_threads=1)
        return data, sum(length for kind, length in units(media(data)) if _counts(kind))


def _counts(kind: int) -> bool:
    return kind not in (_SEQUENCE, _DELIMITER)


def media(data: bytes) -> bytes:
    """The content of an AVIF file's mdat box. Raises ValueError if there is none."""
    place = 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"mdat":
            return data[place + 8 : place + length]
        place += max(length, 8)
    raise ValueError("not an AVIF file")


def units(stream: bytes) -> Iterator[tuple[int, int]]:
    """Yield the type and the payload length in bytes of every OBU of a stream."""
    place = 0
    while place < len(stream):
        head = stream[place]
        place += 2 if head & 4 else 1  # with or without the extension byte
        if head & 2:
            length, place = read_varint(memoryview(stream), place)
        else:
            length = len(stream) - place
        yield head >> 3 & 15, length
        place += length
