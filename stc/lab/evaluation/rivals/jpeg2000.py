"""JPEG 2000, by OpenJPEG through Pillow."""

from __future__ import annotations

from PIL import Image

from stc.lab.evaluation.rivals.search import save

_SOT, _COM = 0x90, 0x64
_SOT_BYTES, _MARKER, _END = 12, 2, 2


class Jpeg2000:
    """A raw codestream of one layer with the irreversible wavelet.

    The quality is a PSNR in tenths of a dB. The counted file is the codestream without OpenJPEG's
    comment; every JPEG 2000 decoder opens it, and it is 124 bytes shorter than a .jp2 file. Without
    headers, only the packets count: the main header is the same for all pictures of one size and
    colour.
    """

    name = "jpeg2000"
    qualities = tuple(range(120, 421, 15))

    def encode(self, picture: Image.Image, quality: int, thorough: bool) -> tuple[bytes, int]:
        """As `Format.encode`."""
        # The wavelet halves the picture down to about 4 px; more levels only add packet headers.
        resolutions = max(1, min(6, picture.width.bit_length() - 2))
        data = save(
            picture,
            "JPEG2000",
            quality_mode="dB",
            quality_layers=[quality / 10],
            irreversible=True,
            num_resolutions=resolutions,
            no_jp2=True,
        )
        start, end = _comment(data)
        data = data[:start] + data[end:]
        return data, packets(data)


def packets(data: bytes) -> int:
    """The number of bytes between a one-tile codestream's headers and its end marker."""
    return len(data) - _find(data, _SOT) - _SOT_BYTES - _MARKER - _END


def _comment(data: bytes) -> tuple[int, int]:
    """The offsets of the comment segment's start and end."""
    start = _find(data, _COM)
    return start, start + _MARKER + _length(data, start)


def _find(data: bytes, marker: int) -> int:
    """The offset of a marker segment of the main header."""
    place = 2
    while data[place + 1] != marker:
        place += _MARKER + _length(data, place)
    return place


def _length(data: bytes, place: int) -> int:
    return int.from_bytes(data[place + 2 : place + 4], "big")
