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

MOST = 1 << 16  # pixels: more would be slow, not another path through the code
_PNG = b"\x89PNG\r\n\x1a\n"


def answer(data: bytes) -> Any:
    """The file that the code holds. Pictures that are neither small nor far too large are left."""
    if is_slow(data):
        return None
    return qr.read(data)


def is_slow(data: bytes) -> bool:
    """Whether a picture says that it has more pixels than a fuzzer should wait for."""
    try:
        with open_picture(io.BytesIO(data)) as image:
            return MOST < image.width * image.height <= MAX_PIXELS
    except Exception:  # what it is, the parser must find out by itself
        return False


def repair(data: bytes, draw: random.Random) -> bytes:
    """A PNG with lengths that fit and the checksums of its chunks; others as they are."""
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
    """One code of a random file in every format, in text, and one of two that belong together."""
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
