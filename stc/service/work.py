"""Encoding and decoding for one request, called in a thread; independent of HTTP."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

from stc import api
from stc.bitstream import has_header, parse_header
from stc.carriers.qr import is_picture
from stc.carriers.reading import read_carried
from stc.codec.cache import load_codec
from stc.codec.model_file import find_model
from stc.errors import ImageError, MissingExtraError, NoCodeError, WrongModelError
from stc.imaging import marking, reading
from stc.service.limits import Limits
from stc.settings import Encoded, Settings


class UnknownModelError(WrongModelError):
    """A file names a model that this server does not have: an error of the client's input."""


def encode(body: bytes, settings: Settings, model: str | None, limits: Limits) -> Encoded:
    """The bytes of a picture -> its .stc file and quality.

    model: name or path, the default model if None. limits: `pixels` is checked here.
    Raises ImageError, FaceError, BudgetError, QualityError; SettingsError for a stage that the
    model does not have; ModelError if the server's model or detector is missing or damaged.
    """
    picture = read_picture(body, limits.pixels)
    (encoded,) = api.encode_pictures([picture], settings, model=model)
    return encoded.unwrap()


def decode(
    body: bytes, size: int, mark: bool, bare: bool, model: str | None, limits: Limits
) -> bytes:
    """The bytes of a .stc file -> a PNG whose metadata state that it is reconstructed.

    body: the file, any carrier that `read_carried` accepts, or the JSON answer of `form=base45`.
    size: pixels along a side, at least 1. mark: also stamp the picture itself. bare: the file may
    have no header. model: the service's model, for bare files and for files that name it; other
    files are decoded by the shipped model that they name.

    Raises FormatError, UnknownModelError, ImageError; another ModelError if a model of the server
    is damaged, MissingExtraError if the reader of QR codes is not installed.
    """
    if not has_header(body) and is_picture(body):
        read_picture(body, limits.pixels)  # refuses large pictures before decompression
    data = _read_carried(body, bare=bare)
    own = bare or _is_own(parse_header(data).fingerprint, model)
    picture = api.decode(data, size=size, bare=bare, model=model if own else None)
    if mark:
        picture = marking.stamp(picture)
    return marking.save(picture, "PNG", marking.note(len(data)))


def _read_carried(body: bytes, *, bare: bool) -> bytes:
    """`read_carried`, whose errors for pictures also state how to encode one."""
    try:
        return read_carried(body, bare=bare)
    except NoCodeError as error:
        raise NoCodeError(f"{error}; to encode the face in it, send it to /encode") from error
    except MissingExtraError as error:
        if not is_picture(body):
            raise
        raise MissingExtraError(
            "the body is a picture: to encode the face in it, send it to /encode; this server "
            f"cannot read a QR code in it: {error}"
        ) from error


def _is_own(short: bytes, model: str | None) -> bool:
    """Whether the fingerprint's two bytes `short` name the service's model.

    Raises UnknownModelError if they name neither that nor a shipped model.
    """
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
    """A picture of at most `max_pixels` pixels, opened but not decompressed. Raises ImageError."""
    try:
        picture = reading.open_picture(io.BytesIO(body))
    except UnidentifiedImageError:
        raise ImageError(
            "not a picture, or in a format that is not supported; try JPEG or PNG"
        ) from None
    except ImageError:  # of a format that needs a plug-in
        raise
    except Exception as error:  # for damaged files Pillow raises many kinds of exceptions
        raise ImageError(f"the picture is broken or too large: {error}") from error
    reading.check(picture, max_pixels)
    return picture
