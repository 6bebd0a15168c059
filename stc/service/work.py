"""Encoding and decoding for one request, called in a thread; knows nothing of HTTP."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

from stc import api
from stc.bitstream import has_header, parse_header
from stc.carriers.qr import is_picture
from stc.carriers.reading import read_carried
from stc.codec.cache import load_codec
from stc.codec.model_file import find_model
from stc.errors import ImageError, WrongModelError
from stc.imaging import marking, reading
from stc.service.limits import Limits
from stc.settings import Encoded, Settings


class UnknownModelError(WrongModelError):
    """A file names a model that this server does not have: the file's fault, not the server's."""


def encode(body: bytes, settings: Settings, model: str | None, limits: Limits) -> Encoded:
    """The bytes of a picture -> its .stc file and quality.

    Raises ImageError, FaceError, BudgetError, QualityError; SettingsError for a stage that the
    model does not have; ModelError if the server's model or detector is missing or damaged.
    """
    picture = read_picture(body, limits.pixels)
    (encoded,) = api.encode_pictures([picture], settings, model=model)
    return encoded.unwrap()


def decode(
    body: bytes, size: int, mark: bool, bare: bool, model: str | None, limits: Limits
) -> bytes:
    """The bytes of a .stc file -> a PNG that says in its metadata that it is reconstructed.

    body: the file, or what carries it, as `read_carried` takes it, or the JSON that `form=base45`
    gives. model: the service's own, for bare files and for those that name it; other files are
    decoded by the shipped model that they name. size: pixels along a side, at least 1. mark: stamp
    the picture itself as well.

    Raises FormatError, UnknownModelError, ImageError; another ModelError if a model here is
    damaged, MissingExtraError if there is no reader of QR codes.
    """
    if not has_header(body) and is_picture(body):
        read_picture(body, limits.pixels)  # is refused before its pixels are decoded
    data = read_carried(body, bare=bare)
    own = bare or _is_own(parse_header(data).fingerprint, model)
    picture = api.decode(data, size=size, bare=bare, model=model if own else None)
    if mark:
        picture = marking.stamp(picture)
    return marking.save(picture, "PNG", marking.note(len(data)))


def _is_own(short: bytes, model: str | None) -> bool:
    """Whether the two bytes name the service's own model. Raises UnknownModelError if they name
    none that ships either."""
    if load_codec(model).model.is_named(short):
        return True
    try:
        find_model(short)
    except WrongModelError:
        raise UnknownModelError(
            f"the file needs model {short.hex()}, which this server does not have"
        ) from None
    return False


def read_picture(body: bytes, max_pixels: int) -> Image.Image:
    """A picture of at most so many pixels, not decoded yet. Raises ImageError."""
    try:
        picture = reading.open_picture(io.BytesIO(body))
    except UnidentifiedImageError:
        raise ImageError(
            "not a picture, or of a kind that is not served; try JPEG or PNG"
        ) from None
    except ImageError:  # of a kind that needs a plug-in
        raise
    except Exception as error:  # broken bytes make Pillow's openers raise almost anything
        raise ImageError(f"the picture is broken or too large: {error}") from error
    reading.check(picture, max_pixels)
    return picture
