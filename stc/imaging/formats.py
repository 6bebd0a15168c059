"""Picture formats: the list of those that are read, their detection, and Pillow's plug-ins.

Pillow reads HEIC and JPEG XL, and in some builds AVIF, only with a plug-in. An installed plug-in is
imported when a file of its format is opened.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import sys
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from stc.errors import ImageError
from stc.imaging import jpeg, jxl, png, tiff

# Other formats of Pillow start external programs, such as PostScript, or hold no photographs.
FORMATS = (
    *("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "JXL", "MPO", "PNG", "PPM", "TIFF"),
    "WEBP",
)

# File name endings of pictures in a folder or an archive.
ENDINGS = frozenset(
    (
        *(".avif", ".bmp", ".heic", ".heif", ".hif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
        *(".jxl", ".mpo", ".png", ".ppm", ".tif", ".tiff", ".webp"),
    )
)

# The format's usual name, the module of the plug-in, and the package to install.
_PLUGINS = {
    "AVIF": ("AVIF", "pillow_avif", "pillow-avif-plugin"),
    "HEIF": ("HEIC", "pillow_heif", "pillow-heif"),
    "JXL": ("JPEG XL", "pillow_jxl", "pillow-jxl-plugin"),
}
# Brands of HEIC in the box `ftyp`, which lists the format and its compatible formats.
_HEIC = re.compile(rb"hei[cxms]|hev[cxms]")
_HEAD = 64  # bytes at the start of a file that `sniff` needs


def sniff(head: bytes) -> str:
    """Pillow's name of a file's format, from its first 64 bytes.

    It is AVIF, HEIF, JPEG, JXL, PNG or TIFF; empty for any other format, which Pillow detects.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(png.MAGIC):
        return "PNG"
    if head.startswith(jxl.MAGICS):
        return "JXL"
    if head.startswith((b"II*\0", b"MM\0*")):
        return "TIFF"
    if head[4:8] == b"ftyp":
        size = int.from_bytes(head[:4], "big")
        brands = [head[8:12], *(head[i : i + 4] for i in range(16, min(size, len(head)), 4))]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        if brands[0] in (b"mif1", b"msf1") or any(_HEIC.fullmatch(brand) for brand in brands):
            return "HEIF"
    return ""


def open_as_is(file: BinaryIO) -> Image.Image:
    """Open the picture in a seekable file, in one of FORMATS, without decoding its pixels.

    Raises UnidentifiedImageError if it is not a picture, ImageError for a format whose plug-in is
    not installed or a broken JPEG XL header, and any error of Pillow's readers.
    """
    file.seek(0)
    form = sniff(file.read(_HEAD))
    file.seek(0)
    if form == "JPEG":
        file = io.BytesIO(jpeg.first_picture(file.read()).data)
    elif form == "PNG":
        file = io.BytesIO(png.first_picture(file.read()))
    elif form == "TIFF":
        file = tiff.readable(file)
    elif form == "JXL":
        jxl.check(file)
    Image.preinit()
    if form in _PLUGINS:
        return _with_plugin(file, form)
    common = [name for name in FORMATS if name in Image.OPEN]
    try:
        return Image.open(file, formats=common)
    except UnidentifiedImageError:
        Image.init()  # the other formats, whose drivers take 30 ms to import
    others = [name for name in FORMATS if name in Image.OPEN and name not in common]
    return Image.open(file, formats=others)


def _with_plugin(file: BinaryIO, form: str) -> Image.Image:
    name, module, package = _PLUGINS[form]
    if not _is_known(form):
        try:
            plugin = importlib.import_module(module)
        except ImportError:
            raise ImageError(
                f"the picture is in the format {name}, which Pillow reads with a plug-in: "
                f"pip install {package}, or try JPEG or PNG"
            ) from None
        if form == "HEIF":
            plugin.register_heif_opener()
    try:
        return Image.open(file, formats=[form])
    except UnidentifiedImageError:
        raise ImageError(f"the {name} picture is broken or cut short; try JPEG or PNG") from None


def _is_known(form: str) -> bool:
    """Whether Pillow can open the format, alone or with a plug-in that is imported already."""
    if form == "AVIF" and form not in Image.OPEN:
        with contextlib.suppress(ImportError):  # it comes with Pillow from 11.3 on
            importlib.import_module("PIL.AvifImagePlugin")
    if form not in Image.OPEN:
        return False
    driver = sys.modules.get(Image.OPEN[form][0].__module__)
    return bool(getattr(driver, "SUPPORTED", True))  # Pillow may have been built without it
