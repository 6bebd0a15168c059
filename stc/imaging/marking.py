"""Marking decoded pictures as reconstructed: in the metadata, and by a label on request."""

from __future__ import annotations

import io
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from stc.version import __version__

SOFTWARE = f"STC {__version__}"

# Formats that Pillow writes with EXIF; all formats that it writes with a text, by file ending.
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
_ASCII = b"ASCII\0\0\0"  # EXIF's character code of a user comment

_LABEL = "reconstructed"
_MIN_BAR = 10  # height in pixels below which letters are not legible


def note(size: int | str) -> str:
    """The text in the metadata of a picture that was decoded from a file of `size` bytes."""
    return f"Reconstructed by {SOFTWARE} from {size} bytes: a likeness, not a photograph"


def save(picture: Image.Image, form: str, text: str) -> bytes:
    """Encode a picture in Pillow's format `form`, with an ASCII text in its metadata -> bytes.

    PNG: the chunks Description and Software. PNG, JPEG, WebP and AVIF: EXIF's ImageDescription,
    Software and UserComment; TIFF: the first two. JPEG and GIF: the comment. Others get no text.
    """
    options: dict[str, Any] = {}
    if form in _WITH_EXIF:
        exif = Image.Exif()
        exif[ExifTags.Base.ImageDescription] = text
        exif[ExifTags.Base.Software] = SOFTWARE
        if form != "TIFF":  # Pillow writes no nested tags into TIFF
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
    """Copy a picture, with a black bar and the word "reconstructed" along the lower edge.

    The bar is empty if the word does not fit or would not be legible.
    """
    from PIL import ImageDraw, ImageFont  # rarely needed, and slow to import

    marked = picture.copy()
    width, height = marked.size
    draw = ImageDraw.Draw(marked)
    bar = max(1, height // 12)
    font = ImageFont.load_default(max(1.0, 0.8 * bar))
    left, top, right, bottom = draw.textbbox((0, 0), _LABEL, font)
    draw.rectangle((0, height - bar, width, height), fill="black")
    if bar >= _MIN_BAR and right - left < width:
        at = ((width - left - right) / 2, height - (bar + top + bottom) / 2)
        draw.text(at, _LABEL, "white", font)
    return marked
