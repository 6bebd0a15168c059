"""Reading pictures: a file of any common format becomes upright RGB, or an ImageError.

What comes from strangers is small before it is large: pixels, layers and scans are counted first.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from stc.errors import ImageError
from stc.imaging.quiet import quiet

Source = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | Image.Image
    | npt.NDArray[np.uint8]
)

# What a file in a folder or an archive must be called to be taken for a picture.
ENDINGS = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".tif", ".tiff", ".avif"))

# Whatever else Pillow opens starts other programs, such as PostScript's, or is no photograph. HEIF
# is there if a plug-in of Pillow brought it.
FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")

# Half a gigabyte as RGB. Larger than any camera's picture; a bomb is refused before it unfolds.
MAX_PIXELS = 178_000_000
# A pixel of other modes (transparent, or of more than 8 bits) takes four times that on its way.
_PLAIN = frozenset(("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"))
# A progressive JPEG has some ten scans. Each costs a pass over all pixels, and few bytes.
MAX_SCANS = 100

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def load_image(source: Source) -> Image.Image:
    """A path, bytes, a binary file, a PIL image or an array -> an upright RGB image.

    An array is uint8: [H, W] or [H, W, 1] is grey, [H, W, 3] RGB, [H, W, 4] RGBA. EXIF rotation is
    applied, transparency becomes white, more than 8 bits are scaled down, and of an animation the
    first frame is taken.

    Raises ImageError if the picture is broken, unknown or too large, OSError if the file cannot be
    opened, ValueError for any other kind of array.
    """
    if isinstance(source, np.ndarray):
        return _to_rgb(_of_pixels(source))
    if isinstance(source, Image.Image):
        return _guarded(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _guarded(io.BytesIO(source))
    if isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb") as file:
            return _guarded(file)
    return _guarded(source)


def _of_pixels(pixels: npt.NDArray[Any]) -> Image.Image:
    """An array as an image of mode L, RGB or RGBA."""
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ValueError(
            "an array must be uint8 [H, W], [H, W, 3] or [H, W, 4], "
            f"not {pixels.dtype} {list(pixels.shape)}"
        )
    if pixels.size == 0:
        raise ImageError("the picture has no pixels")
    return Image.fromarray(pixels.squeeze(2) if pixels.shape[2:] == (1,) else pixels)


def _guarded(source: BinaryIO | Image.Image) -> Image.Image:
    """Decode, with every failure turned into an ImageError."""
    try:
        with quiet():  # odd metadata is of no concern here
            image = source if isinstance(source, Image.Image) else open_picture(source)
            check(image)
            return _to_rgb(_turned_upright(image))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(
            "not a picture, or of a kind that Pillow cannot read; try JPEG or PNG"
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"the picture is too large to be read safely: {error}") from None
    except Exception as error:  # broken bytes make Pillow's decoders raise almost anything
        raise ImageError(f"the picture is broken or cut short: {error}") from error


def open_picture(file: BinaryIO) -> Image.Image:
    """A picture of one of FORMATS, its header read and nothing decoded. Raises as Pillow does."""
    if not file.seekable():
        file = io.BytesIO(file.read())
    with quiet():
        Image.preinit()
        common = [form for form in FORMATS if form in Image.OPEN]
        try:
            return Image.open(file, formats=common)
        except UnidentifiedImageError:
            Image.init()  # the other formats, whose drivers take 30 ms to import
        others = [form for form in FORMATS if form in Image.OPEN and form not in common]
        return Image.open(file, formats=others)


def check(image: Image.Image, most: int = MAX_PIXELS) -> None:
    """Raise ImageError if the picture has no pixels, too many, or a JPEG too many scans."""
    width, height = image.size
    if width * height == 0:
        raise ImageError("the picture has no pixels")
    if image.mode not in _PLAIN:
        most //= 4
    if width * height > most:
        raise ImageError(
            f"the picture has {width} x {height} pixels, at most {most} can be read safely"
        )
    file = getattr(image, "fp", None)
    if image.format in ("JPEG", "MPO") and file is not None and file.seekable():
        place = file.tell()
        file.seek(0)
        # Start of scan. Among coded pixels, a byte of 255 is always followed by another one.
        scans = file.read().count(b"\xff\xda")
        file.seek(place)
        if scans > MAX_SCANS:
            raise ImageError(f"the JPEG has {scans} scans, at most {MAX_SCANS} are read")


def _turned_upright(image: Image.Image) -> Image.Image:
    image.load()  # which turns a TIFF, and takes the tag away
    # Not ImageOps.exif_transpose: it also rewrites the metadata, and fails where that is odd.
    turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _from_wide(image)
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        # Premultiplied modes convert to their straight twin only.
        straight = image.convert("LA") if image.mode == "La" else image
        layer = straight.convert("RGBA")
        flat = Image.new("RGB", layer.size, "white")
        flat.paste(layer, mask=layer.getchannel("A"))
        return flat
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None  # noqa: S101 - None only for in-place conversion
        return converted
    if image.mode == "RGB":
        image.load()  # the file may be closed once this returns
        return image
    return image.convert("RGB")


def _from_wide(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits, or of floating point -> RGB, without clipping.

    I;16 counts to 65535. The others do not say where white is: it is taken to be the smallest of
    1 (floating point), 255 and 65535 that no pixel exceeds; else the values are stretched.
    """
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    low, high = values.min(), values.max()
    if image.mode.startswith("I;16"):
        whites = [65535.0]
    else:
        whites = [1.0] * (image.mode == "F") + [255.0, 65535.0]
    white = next((white for white in whites if low >= 0 and high <= white), None)
    if white is None:
        values, white = values - low, max(high - low, 1.0)
    values *= np.float32(255 / white)
    grey = values.round(out=values).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")
