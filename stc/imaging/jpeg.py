"""The first picture of a JPEG file, and its number of scans.

Phones append a video, a second exposure or the other pictures of a burst to a JPEG file. Data after
the end of the first picture are neither decoded nor counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# The next marker: in coded pixels, a byte of 255 is followed by 0 or by a restart marker's code.
_NEXT = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_END, _SCAN, _APP0, _APP1, _APP2, _APP14, _APP15, _COMMENT = (
    *(0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE),
)
_WITHOUT_LENGTH = (0x01, 0xD8)  # markers without a length
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
# Metadata that affect the picture (colour space, orientation, colour profile): the names that they
# begin with, and their minimum size.
_KEPT_METADATA = {
    _APP0: ((b"JFIF\0",), 14),
    _APP1: ((b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"), 14),
    _APP2: ((b"ICC_PROFILE\0",), 14),
    _APP14: ((b"Adobe",), 12),
}
_ALL = (1 << 64) - 1  # of the coefficients of a block, one bit each


@dataclass
class Jpeg:
    """The first picture of a JPEG file."""

    data: bytes  # without metadata that do not affect its pixels
    scans: int = 0
    ended: bool = False  # whether it has an end marker
    progressive: bool = False
    # For each component, a bit mask of the coefficients that complete scans hold.
    _coefficients: dict[int, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether complete scans hold every coefficient of every component."""
        return bool(self._coefficients) and all(
            bits == _ALL for bits in self._coefficients.values()
        )


def first_picture(data: bytes) -> Jpeg:
    """Extract the first picture of a file that begins with the magic bytes of JPEG.

    Segments are parsed as in decoders, so that no decoder can find a scan that is not counted:
    outside segments, every pair of bytes that could start a scan counts.
    """
    parts = [data[:2]]
    found = Jpeg(b"")
    last: tuple[list[int], int] | None = None  # components and coefficients of the scan before
    place = 2
    while marker := _NEXT.search(data, place):
        code = marker[1][0]
        start, end = marker.start(), marker.end()
        parts.append(data[place:start])  # coded pixels, or bytes that decoders pass over
        if code not in _WITHOUT_LENGTH and last is not None:
            components, bits = last
            for component in components:
                found._coefficients[component] |= bits
            last = None
        if code in _WITHOUT_LENGTH:
            place = end
            continue
        if code == _END:
            parts.append(b"\xff\xd9")
            found.ended = True
            break
        length = int.from_bytes(data[end : end + 2], "big")
        body = data[end + 2 : end + length]
        if length < 2 or end + length > len(data):
            parts.append(data[start:])  # broken or truncated: the decoder reports it
            found.scans += data.count(b"\xff\xda", start)
            break
        place = end + length
        if code == _SCAN:
            found.scans += 1
            last = _scan(body, found)
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            found.progressive = code in _PROGRESSIVE
            found._coefficients = dict.fromkeys(body[6::3], 0)
        if _keeps(code, body):
            parts.append(b"\xff" + data[end - 1 : place])
    else:
        parts.append(data[place:])
    found.data = b"".join(parts)
    return found


def _scan(body: bytes, found: Jpeg) -> tuple[list[int], int] | None:
    """The components of a scan and a bit mask of their coefficients; None for a broken header."""
    count = body[0] if body else 0
    if len(body) != 2 * count + 4:
        return None
    first, last = body[-3:-1] if found.progressive else (0, 63)
    bits = ((2 << min(last, 63)) - 1) & ~((1 << min(first, 63)) - 1)
    return [one for one in body[1 : 1 + 2 * count : 2] if one in found._coefficients], bits


def _keeps(code: int, body: bytes) -> bool:
    """Whether a segment affects pixels."""
    if code in _KEPT_METADATA:
        names, least = _KEPT_METADATA[code]
        return body.startswith(names) and len(body) >= least
    return not (_APP0 <= code <= _APP15 or code == _COMMENT)
