"""WebP (lossy: VP8), by libwebp through Pillow."""

from __future__ import annotations

from PIL import Image

from stc.lab.evaluation.rivals.search import save

_CONTAINER = 20  # bytes of RIFF, size, WEBP and the header of the chunk
# Bytes of VP8's start code, width and height. The frame tag of 3 bytes before them counts, since it
# has the length of the first partition.
_KNOWN = 7


class Webp:
    """Lossy WebP. Without headers, the VP8 frame less start code and dimensions counts."""

    name = "webp"
    qualities = (0, 1, 2, 4, 7, 11, 16, 22, 30, 40, 52, 65, 80, 95)

    def encode(self, picture: Image.Image, quality: int, thorough: bool) -> tuple[bytes, int]:
        """As `Format.encode`."""
        data = save(picture, "WEBP", quality=quality, method=6 if thorough else 4)
        return data, payload(data)


def payload(data: bytes) -> int:
    """The size in bytes of a file's VP8 frame, less start code, dimensions and padding.

    Raises ValueError if the file is not exactly one lossy frame.
    """
    length = int.from_bytes(data[_CONTAINER - 4 : _CONTAINER], "little")
    if data[12:16] != b"VP8 " or _CONTAINER + length + length % 2 != len(data):
        raise ValueError("not a WebP file of one lossy frame")
    return length - _KNOWN
