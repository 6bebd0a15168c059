"""What a request asks for, done in a thread; knows nothing of HTTP."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from stc.imaging import marking
from stc.bitstream import parse_header
from stc.codec.codec import codec_for, demand, load_codec
from stc.errors import ImageError
from stc.imaging import Align, Choice, frame, reading


@dataclass(frozen=True)
class Limits:
    """What a request may cost."""

    body: int = 16 << 20  # bytes of a picture
    pixels: int = 50_000_000  # of a picture, once unpacked
    size: int = 1024  # pixels along a side of a decoded face
    seconds: float = 10.0  # to send a body; and to be answered, waiting included
    waiting: int = 64  # requests in work or waiting for it; more are asked to come back


@dataclass(frozen=True)
class Wanted:
    """What an encoding request asks for; see `stc.encode`."""

    max_bytes: int | None = None
    level: int | None = None
    align: Align = "auto"
    face: Choice = "only"
    bare: bool = False
    min_quality: float = 0.0
    model: str | None = None


def encode(body: bytes, wanted: Wanted, limits: Limits) -> tuple[bytes, float]:
    """A picture -> its file, and its quality. Raises StcError, ValueError."""
    canvas = frame(read_picture(body, limits.pixels), align=wanted.align, face=wanted.face)
    codec = load_codec(wanted.model)
    (data,) = codec.encode_canvases(
        canvas[None], max_bytes=wanted.max_bytes, level=wanted.level, bare=wanted.bare
    )
    quality = float(codec.qualities(canvas[None], [data], bare=wanted.bare)[0])
    demand(wanted.min_quality, quality, len(data))
    return data, quality


def decode(body: bytes, size: int, mark: bool, bare: bool, model: str | None) -> bytes:
    """A .stc file -> a PNG that says what it is. model: the service's own, for bare files and for
    those that name it. Raises StcError."""
    codec = load_codec(model)
    if not bare:
        needed = parse_header(body).fingerprint
        if not codec.model.is_named(needed):
            codec = codec_for(needed)
    picture = codec.decode(body, size=size, bare=bare)
    if mark:
        picture = marking.stamp(picture)
    return marking.save(picture, "PNG", marking.note(len(body)))


def read_picture(body: bytes, most: int) -> Image.Image:
    """A picture of at most so many pixels, not decoded yet. Raises ImageError."""
    try:
        picture = reading.open_picture(io.BytesIO(body))
    except UnidentifiedImageError:
        raise ImageError(
            "not a picture, or of a kind that is not served; try JPEG or PNG"
        ) from None
    except Exception as error:  # broken bytes make Pillow's openers raise almost anything
        raise ImageError(f"the picture is broken or too large: {error}") from error
    reading.check(picture, most)
    return picture
