"""Pictures of QR codes."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import segno
from PIL import Image

from fuzz.small_model import random_file, small_codec
from fuzz.target import Target
from stc.carriers import qr
from stc.errors import FormatError, ImageError
from stc.imaging.reading import MAX_PIXELS, open_picture

MAX_FAST = 1 << 16  # pixels; larger pictures are slow, but reach no other branches
_PNG = b"\x89PNG\r\n\x1a\n"


def answer(data: bytes) -> Any:
    """The file in the QR code; None for pictures that `is_slow` skips."""
    if is_slow(data):
        return None
    return qr.read(data)


def is_slow(data: bytes) -> bool:
    """Whether a picture has more than MAX_FAST pixels, but not too many to be read."""
    try:
        with open_picture(io.BytesIO(data)) as image:
            return MAX_FAST < image.width * image.height <= MAX_PIXELS
    except Exception:  # the parser under test has to detect this
        return False


def repair(data: bytes, draw: random.Random) -> bytes:
    """Correct the lengths and checksums of the chunks of a PNG; other data are unchanged."""
    if data[:8] != _PNG:
        return data
    out, place = data[:8], 8
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length][: max(0, len(data) - place - 12)]
        check = zlib.crc32(kind + body)
        out += struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", check)
        place += 12 + len(body)
    return out


def seeds() -> dict[str, bytes]:
    """A code of a random file in every format, one of text, a part of two, and another code."""
    file = random_file(small_codec(), 9, 9)
    grey = _picture(qr.make(file).code)
    parts = segno.make_sequence(file * 3, symbol_count=2, error="L", boost_error=False)
    made = {
        "ppm": _saved(grey, "PPM"),
        "bmp": _saved(grey.convert("1"), "BMP"),
        "gif": _saved(grey, "GIF"),
        "png": _saved(grey.convert("1"), "PNG", optimize=True),
        "png-text": _saved(_picture(qr.make(file, text=True).code).convert("1"), "PNG"),
        "png-part": _saved(_picture(parts[0]).convert("1"), "PNG"),
        "tiff": _saved(grey.convert("1"), "TIFF"),
        "other": _saved(_picture(segno.make_qr("HELLO 1")).convert("1"), "PNG"),
    }
    return {**made, "empty": b""}


def _picture(code: segno.QRCode) -> Image.Image:
    buffer = io.BytesIO()
    code.save(buffer, kind="png", scale=2, border=qr.QUIET)
    return Image.open(buffer).convert("L")


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(FormatError, ImageError),
    parsers=("stc.carriers.qr", "stc.imaging.reading"),
    repair=repair,
    max_len=6000,
    memory=1024,
)
