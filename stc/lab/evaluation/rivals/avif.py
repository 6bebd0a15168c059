"""AVIF (AV1), by libavif through Pillow."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from stc.lab.evaluation.rivals.search import save

_SEQUENCE, _DELIMITER = 1, 2  # OBU types that are the same for all pictures of a side and colour


class Avif:
    """AVIF, chroma halved both ways, at speed 6 for the search and 4 for the closer one.

    Without headers: the payload of the frame's OBUs (AV1 specification, section 5.3), without the
    boxes of the file, the sequence header and the OBUs' own types and lengths.
    """

    name = "avif"
    qualities = (0, 2, 5, 9, 13, 18, 23, 29, 36, 44, 54, 66, 80, 95)

    def encode(self, picture: Image.Image, quality: int, thorough: bool) -> tuple[bytes, int]:
        speed = 4 if thorough else 6
        # One thread: faces are coded side by side already, and such small pictures gain nothing.
        data = save(picture, "AVIF", quality=quality, speed=speed, max_threads=1)
        return data, sum(length for kind, length in units(media(data)) if _counts(kind))


def _counts(kind: int) -> bool:
    return kind not in (_SEQUENCE, _DELIMITER)


def media(data: bytes) -> bytes:
    """The content of a file's mdat box."""
    place = 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"mdat":
            return data[place + 8 : place + length]
        place += max(length, 8)
    raise ValueError("not an AVIF file")


def units(stream: bytes) -> Iterator[tuple[int, int]]:
    """The type of every OBU, and the length of its payload."""
    place = 0
    while place < len(stream):
        head = stream[place]
        place += 2 if head & 4 else 1  # with an extension, or without
        length, shift = 0, 0
        if head & 2:
            while True:  # little-endian, seven bits a byte
                byte = stream[place]
                place += 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
        else:
            length = len(stream) - place
        yield head >> 3 & 15, length
        place += length
