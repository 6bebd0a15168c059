"""Reading pictures: a file of any common format -> an upright RGB image, or an ImageError.

Files are not trusted: numbers of pixels, layers and scans are checked before anything is decoded.
"""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from stc.errors import ImageError
from stc.imaging import formats, jpeg, levels, profiles, rows
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

# Half a gigabyte as RGB, more than any camera's picture: decompression bombs are rejected.
MAX_PIXELS = 178_000_000
# Pixels of other modes (transparent, or of more than 8 bits) take four times the memory.
_PLAIN = frozenset(("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"))
# A progressive JPEG has about ten scans. Each costs a pass over all pixels, and few bytes.
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
    """Read a path, bytes, a binary file, a PIL image or an array -> an upright RGB image.

    An array is uint8: [H, W] or [H, W, 1] is grey, [H, W, 3] RGB, [H, W, 4] RGBA. EXIF rotation is
    applied, colours are converted from their ICC profile to sRGB, transparent areas become white,
    and of an animation the first frame is read. More than 8 bits are scaled to 8 by the black and
    white that the file states, else by its values (`stc.imaging.levels.grey`). Broken metadata are
    ignored. Up to 5 % of the rows may be missing at the end of a truncated file.

    Raises ImageError if the picture is broken, of an unknown format or too large; OSError if the
    file cannot be opened; ValueError for an array of another shape or type.
    """
    if isinstance(source, np.ndarray):
        return _to_rgb(_of_pixels(source), levels.Scale())
    if isinstance(source, Image.Image):
        return _guarded(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _guarded(io.BytesIO(source))
    if isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb") as file:
            return _guarded(file)
    return _guarded(source)


def _of_pixels(pixels: npt.NDArray[Any]) -> Image.Image:
    """Convert a uint8 array to an image of mode L, RGB or RGBA. Raises ValueError, ImageError."""
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
    """Decode a picture; every failure becomes an ImageError."""
    try:
        with quiet():  # Pillow warns of odd metadata
            image = source if isinstance(source, Image.Image) else open_picture(source)
            check(image)
            return _decoded(image)
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
    """Open a picture of one of `stc.imaging.formats.FORMATS`, and read its header only.

    Raises ImageError for a format whose Pillow plug-in is not installed, and Pillow's own errors.
    """
    if not file.seekable():
        file = io.BytesIO(file.read())
    with quiet():
        return formats.open_as_is(file)


def check(image: Image.Image, most: int = MAX_PIXELS) -> None:
    """Raise ImageError if an image has no pixels, or too many, or too many scans of a JPEG.

    most: limit on the pixels of plain modes; a quarter of it for transparency or more than 8 bits.
    """
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
        scans = jpeg.first_picture(file.read()).scans
        file.seek(place)
        if scans > MAX_SCANS:
            raise ImageError(f"the JPEG has {scans} scans, at most {MAX_SCANS} are read")


def _decoded(image: Image.Image) -> Image.Image:
    scale, raw, file = levels.Scale.of(image), levels.raw_mode(image), getattr(image, "fp", None)
    loaded = rows.load(image)
    turn = _UPRIGHT.get(_orientation(image))  # Pillow turns TIFFs itself, and removes the tag
    if raw and file is not None and not file.closed:
        with contextlib.suppress(OSError):  # of a truncated file the upper bytes are used
            loaded = levels.brightened(loaded, open_picture(file), raw)
    rgb = _to_rgb(loaded, scale)
    return rgb if turn is None else rgb.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8, stored as any type; 1 if it is missing or broken."""
    # Not ImageOps.exif_transpose: it also rewrites the metadata, and fails if they are odd.
    try:
        value = image.getexif().get(_ORIENTATION, 1)
        return int(value[0] if isinstance(value, (bytes, tuple)) else value)
    except Exception:  # broken metadata make Pillow raise almost anything
        return 1


def _to_rgb(image: Image.Image, scale: levels.Scale) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _from_wide(image, scale)
    clear = image.has_transparency_data or image.mode in ("La", "RGBa")
    if image.format == "BMP" and image.mode == "RGBA" and not image.getchannel("A").getbbox():
        clear = False  # the fourth byte is padding, although the header calls it alpha
    if clear:
        # Premultiplied modes convert only to their straight counterpart.
        straight = image.convert("LA") if image.mode == "La" else image
        layer = straight.convert("RGBA")
        flat = Image.new("RGB", layer.size, "white")
        seen = profiles.to_srgb(layer.convert("RGB"), image.info)
        flat.paste(seen, mask=layer.getchannel("A"))
        return flat
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None  # noqa: S101 - None only for in-place conversion
        return converted
    if image.mode not in ("RGB", "L", "CMYK"):
        return profiles.to_srgb(image.convert("RGB"), image.info)
    image.load()  # the file may be closed once this returns
    return profiles.to_srgb(image, image.info)


def _from_wide(image: Image.Image, scale: levels.Scale) -> Image.Image:
    """Convert grey of 16 or 32 bits, or of floating point, to RGB."""
    values = levels.grey(image, scale)
    curve = profiles.grey_curve(image.info)
    if curve is None:
        grey = Image.fromarray(values.round(out=values).astype(np.uint8))
        return grey.convert("RGB")
    # Sixteen steps between two of the 256 values of grey.
    steps = np.arange(255 * 16 + 1) / 16
    fine = np.stack([np.interp(steps, np.arange(256), band) for band in curve.T], 1)
    places = np.multiply(values, 16, out=values).round(out=values).astype(np.uint16)
    return Image.fromarray(fine.round().astype(np.uint8)[places])
