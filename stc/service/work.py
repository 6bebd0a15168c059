"""What a request asks for, done in a thread; knows nothing of HTTP."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from stc import api
from stc.bitstream import parse_header
from stc.codec.cache import load_codec
from stc.errors import ImageError
from stc.imaging import marking, reading
from stc.settings import Encoded, Settings


@dataclass(frozen=True)
class Limits:
    """What a request may cost."""

    body: int = 16 << 20  # bytes of a picture
    pixels: int = 50_000_000  # of a picture, once unpacked
    size: int = 1024  # pixels along a side of a decoded face
    seconds: float = 10.0  # to send a body; and to be answered, waiting included
    waiting: int = 64  # requests in work or waiting for it; more are asked to come back


def encode(body: bytes, settings: Settings, model: str | None, limits: Limits) -> Encoded:
    """The bytes of a picture -> its file and quality. Raises StcError, ValueError."""
    picture = read_picture(body, limits.pixels)
    (encoded,) = api.encode_pictures([picture], settings, model=model)
    return encoded.unwrap()


def decode(body: bytes, size: int, mark: bool, bare: bool, model: str | None) -> bytes:
    """The bytes of a .stc file -> a PNG that says in its metadata that it is reconstructed.

    model: the service's own, for bare files and for those that name it; other files are decoded by
    the shipped model that they name. Raises StcError, ValueError.
    """
    own = bare or load_codec(model).model.is_named(parse_header(body).fingerprint)
    picture = api.decode(body, size=size, bare=bare, model=model if own else None)
    if mark:
        picture = marking.stamp(picture)
    return marking.save(picture, "PNG", marking.note(len(body)))


def read_picture(body: bytes, max_pixels: int) -> Image.Image:
    """A picture of at most so many pixels, not decoded yet. Raises ImageError."""
    try:
        picture = reading.open_picture(io.BytesIO(body))
    except UnidentifiedImageError:
        raise ImageError(
            "not a picture, or of a kind that is not served; try JPEG or PNG"
        ) from None
    except Exception as error:  # broken bytes make Pillow's openers raise almost anything
        raise ImageError(f"the picture is broken or too large: {error}") from error
    reading.check(picture, max_pixels)
    return picture
