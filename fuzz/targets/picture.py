"""Pictures: any bytes -> an upright RGB image or an ImageError."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from fuzz.target import Target
from fuzz.targets import qr
from stc.errors import ImageError
from stc.imaging.reading import load_image

_ORIENTATION = 0x0112
_KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (  # format, mode and options
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "P", {"transparency": 1}),
    ("PNG", "I;16", {}),
    ("JPEG", "RGB", {"quality": 60}),
    ("JPEG", "L", {"progressive": True}),
    ("JPEG", "CMYK", {}),
    ("TIFF", "I;16", {}),
    ("TIFF", "F", {}),
    ("TIFF", "LAB", {}),
    ("TIFF", "1", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("BMP", "RGB", {}),
    ("PPM", "L", {}),
    ("GIF", "P", {}),
    ("AVIF", "RGB", {}),
    ("JPEG2000", "RGB", {}),
)


def answer(data: bytes) -> Any:
    """Size and pixels; None for pictures that `qr.is_slow` skips."""
    if qr.is_slow(data):
        return None
    image = load_image(data)
    assert image.mode == "RGB", image.mode  # noqa: S101
    assert 0 not in image.size  # noqa: S101
    return image.size, image.tobytes()


def seeds() -> dict[str, bytes]:
    """A gradient of 8 x 6 pixels in every format and mode, with an EXIF rotation if possible."""
    made = {}
    for form, mode, options in _KINDS:
        image = Image.linear_gradient("L").resize((8, 6))
        image = image.convert("RGB").convert("CMYK") if mode == "CMYK" else _converted(image, mode)
        exif = Image.Exif()
        exif[_ORIENTATION] = 6
        extra = {} if form in ("BMP", "PPM", "GIF", "JPEG2000") else {"exif": exif}
        buffer = io.BytesIO()
        image.save(buffer, form, **options, **extra)
        made[f"{form}-{mode}".lower().replace(";", "")] = buffer.getvalue()
    return {**made, "empty": b""}


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if mode == "LAB":
        return Image.merge("LAB", [image, image, image])
    return image.convert("I").convert(mode) if mode == "I;16" else image.convert(mode)


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(ImageError,),
    parsers=(
        "stc.imaging.formats",
        "stc.imaging.jpeg",
        "stc.imaging.levels",
        "stc.imaging.profiles",
        "stc.imaging.reading",
        "stc.imaging.rows",
    ),
    repair=qr.repair,
    max_len=1500,
    memory=1024,
)
