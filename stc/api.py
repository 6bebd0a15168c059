"""The two verbs: `encode` a picture to bytes, `decode` bytes to a picture."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from stc.bitstream import parse_header
from stc.codec.codec import codec_for, load_codec
from stc.imaging import Align, Choice, Source


def encode(
    image: Source,
    *,
    max_bytes: int | None = None,
    level: int | None = None,
    align: Align = "auto",
    face: Choice = "only",
    bare: bool = False,
    min_quality: float | None = None,
    model: str | Path | None = None,
) -> bytes:
    """A picture with a face -> the bytes of a .stc file.

    image: a path, the bytes of a picture, a binary file, a PIL image or an array [H, W, 3].
    max_bytes: the file is never larger; 192 if neither it nor level is given.
    level: stop after so many levels instead (1 is the smallest), whatever that costs.
    align: "auto" finds and aligns the face unless it already sits on the canvas, "always" does so
        in any case, "never" takes the image as the canvas.
    face: "only" refuses a picture of several faces, "largest" takes the largest central one.
    bare: leave out the magic, the model and the checksum, for a carrier that protects its data.
    min_quality: refuse to make a file that keeps less of the face than this share, 0 to 1.
    model: a shipped model's name or a weights file; the default model if None.

    Raises ImageError, FaceError, BudgetError, QualityError, ModelError, and ValueError for bad
    arguments.
    """
    return load_codec(model).encode(
        image,
        max_bytes=max_bytes,
        level=level,
        align=align,
        face=face,
        bare=bare,
        min_quality=min_quality,
    )


def decode(
    data: bytes, *, size: int = 128, bare: bool = False, model: str | Path | None = None
) -> Image.Image:
    """The bytes of a .stc file -> an RGB picture of size x size pixels.

    The model is the one that the file names, among those shipped, unless `model` is given; a bare
    file names none, and gets the default one.

    Raises FormatError for anything that is no sound .stc file, ModelError if the model is missing.
    """
    data = bytes(data)  # a bytearray or memoryview will do
    if bare or model is not None:
        return load_codec(model).decode(data, size=size, bare=bare)
    return codec_for(parse_header(data).fingerprint).decode(data, size=size)
