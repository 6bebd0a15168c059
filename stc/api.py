"""The main functions: `encode` a picture to bytes, `decode` bytes to a picture.

    pictures --imaging--> canvases --codec--> files

The command line, galleries, the service and the Pillow plug-in call `encode_pictures` and `decode`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from stc.canvas import CANVAS
from stc.codec.cache import codec_of, load_codec
from stc.floating_point import standard_floats
from stc.settings import DEFAULT_SIZE, MAX_SIZE, Encoded, Settings, integer_in_range
from stc.source import Data, bytes_of, check_picture

if TYPE_CHECKING:
    from stc.imaging import Source


def encode(
    image: Source,
    settings: Settings | None = None,
    *,
    model: str | Path | None = None,
    device: str = "cpu",
    **changes: Any,
) -> bytes:
    """Encode a picture of a face, and return the bytes of a .stc file.

    image: a path, the bytes of a picture, a binary file, a PIL image or an array [H, W, 3].
    settings: the settings of the encoder; `stc.Settings` lists them with their defaults.
    changes: single settings by name, which replace those of `settings`, for example
        `encode(image, max_bytes=96)`.
    model: the name of a shipped model or the path of a model file; the default model if None.
    device: "cpu", which needs no torch, or "cuda".

    Raises SettingsError, ImageError, FaceError, BudgetError, QualityError, ModelError; OSError for
    a file that cannot be opened; TypeError if `image` has a type that cannot be a picture.
    """
    check_picture(image)
    settings = Settings.of(settings, **changes)
    (encoded,) = encode_pictures([image], settings, model=model, device=device)
    return encoded.unwrap().data


@standard_floats()
def encode_pictures(
    pictures: Iterable[Source],
    settings: Settings,
    *,
    model: str | Path | None = None,
    device: str = "cpu",
) -> list[Encoded]:
    """Encode pictures, and return one result for each, in order.

    A picture that cannot be encoded gives a result whose `error` is set.

    Raises SettingsError for more stages than the model has, ModelError.
    """
    from stc.imaging import frame_batch  # not at the top: decoding does not need it

    codec = load_codec(model, device=device)
    framed = frame_batch(pictures, settings.align, settings.face)
    canvases = [canvas for canvas in framed if isinstance(canvas, np.ndarray)]
    stacked = np.stack(canvases) if canvases else np.zeros((0, CANVAS, CANVAS, 3), np.uint8)
    coded = iter(codec.encode_batch(stacked, settings))
    return [Encoded(error=one) if isinstance(one, Exception) else next(coded) for one in framed]


@standard_floats()
def decode(
    data: Data,
    *,
    size: int = DEFAULT_SIZE,
    bare: bool = False,
    model: str | Path | None = None,
    device: str = "cpu",
) -> Image.Image:
    """Decode a .stc file, and return an RGB picture of size x size pixels.

    data: the file's bytes, its path, or an open binary file. For its Base45 text, a tag's memory or
        a picture of its QR code see `stc.carriers.reading.read_carried`.
    size: 1 to 4096. The codec draws 128 pixels and, if the model has an upscaler, 256 pixels. Other
        sizes are resampled: from 256 pixels above a size of 128, else from 128 pixels.
    bare: the file was encoded with `bare`.
    model: the name of a shipped model or the path of a model file. If None, the shipped model that
        the file names; for a bare file, which names none, the default model.
    device: "cpu", which needs no torch, or "cuda".

    Raises FormatError if the data is not a valid .stc file, ModelError if the model is missing,
    SettingsError for a size out of range; OSError for a file that cannot be read, TypeError if
    `data` has a type that cannot be a file.
    """
    size = integer_in_range("size", size, MAX_SIZE)
    file = bytes_of(data)
    codec = codec_of(file, model, bare=bare, device=device)
    large = size > CANVAS and codec.model.has_upscaler
    picture = Image.fromarray(codec.decode_batch([file], bare=bare, large=large)[0])
    if picture.width != size:
        picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    return picture
