"""Saying of a decoded picture that it is one: in its metadata always, on its face on request."""

from __future__ import annotations

import io
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from stc.version import __version__

SOFTWARE = f"STC {__version__}"

# Formats of which Pillow writes EXIF, and all that hold a text, by the endings of their names.
_WITH_EXIF = ("AVIF", "JPEG", "PNG", "TIFF", "WEBP")
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".gif": "GIF",
}

_USER_COMMENT = 0x9286
_ASCII = b"ASCII\0\0\0"  # how EXIF says in what a user comment is written

_LABEL = "reconstructed"
_LEAST_LETTERS = 10  # pixels; smaller ones are a smear


def note(size: int | str) -> str:
    """What is written into the metadata of a picture decoded from so many bytes."""
    return f"Reconstructed by {SOFTWARE} from {size} bytes: a likeness, not a photograph"


def save(picture: Image.Image, form: str, text: str) -> bytes:
    """A picture file of Pillow's format `form` whose metadata hold a text in ASCII.

    PNG: the chunks Description and Software. PNG, JPEG, WebP and AVIF: EXIF's ImageDescription,
    Software and UserComment; TIFF: the first two. JPEG and GIF: the comment. Others hold no text.
    """
    options: dict[str, Any] = {}
    if form in _WITH_EXIF:
        exif = Image.Exif()
        exif[ExifTags.Base.ImageDescription] = text
        exif[ExifTags.Base.Software] = SOFTWARE
        if form != "TIFF":  # which Pillow writes without nested tags
            exif[ExifTags.IFD.Exif] = {_USER_COMMENT: _ASCII + text.encode("ascii")}
        options["exif"] = exif
    if form == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("Description", text)
        chunks.add_text("Software", SOFTWARE)
        options["pnginfo"] = chunks
    if form in ("JPEG", "GIF"):
        options["comment"] = text.encode("ascii")
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def stamp(picture: Image.Image) -> Image.Image:
    """A copy with the word "reconstructed" along its lower edge, or a bar where it has no room."""
    from PIL import ImageDraw, ImageFont  # which few decoded pictures need

    marked = picture.copy()
    width, height = marked.size
    draw = ImageDraw.Draw(marked)
    bar = max(1, height // 12)
    font = ImageFont.load_default(max(1.0, 0.8 * bar))
    left, top, right, bottom = draw.textbbox((0, 0), _LABEL, font)
    draw.rectangle((0, height - bar, width, height), fill="black")
    if bar >= _LEAST_LETTERS and right - left < width:
        at = ((width - left - right) / 2, height - (bar + top + bottom) / 2)
        draw.text(at, _LABEL, "white", font)
    return marked
