"""JPEG, by libjpeg through Pillow."""

from __future__ import annotations

from PIL import Image

from stc.lab.evaluation.rivals.search import save

_SOS, _DHT = 0xDA, 0xC4
_END = 2  # bytes of the end marker
_QUALITY = 1  # byte for the quality, from which libjpeg derives the quantization tables


class Jpeg:
    """Baseline JPEG with 4:2:0 chroma, and optimised or standard Huffman tables.

    Without headers, the entropy-coded data and a byte for the quality count. Standard Huffman
    tables count nothing, as a fixed container knows them; optimised tables count, and are used if
    tables and data together are smaller.
    """

    name = "jpeg"
    qualities = (1, 3, 6, 9, 12, 16, 20, 25, 30, 36, 44, 54, 66, 80, 95)

    def encode(self, picture: Image.Image, quality: int, thorough: bool) -> tuple[bytes, int]:
        """As `Format.encode`."""
        own = save(picture, "JPEG", quality=quality, optimize=True)
        standard = save(picture, "JPEG", quality=quality)
        tables, scan = parts(own)
        bare = min(tables + scan, parts(standard)[1]) + _QUALITY
        return min(own, standard, key=len), bare


def parts(data: bytes) -> tuple[int, int]:
    """The numbers of bytes of a baseline file's Huffman tables, and of its entropy-coded data."""
    place, tables = 2, 0
    while True:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        place += 2 + length
        if marker == _DHT:
            tables += length - 2
        if marker == _SOS:
            return tables, len(data) - place - _END
