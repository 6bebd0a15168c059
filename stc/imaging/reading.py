"""Reading pictures: whatever Pillow opens becomes upright RGB, or an ImageError."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from stc.errors import ImageError

Source = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | npt.NDArray[np.uint8]

# What a file in a folder or an archive must be called to be taken for a picture.
ENDINGS = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".tif", ".tiff", ".avif"))

# Half a gigabyte as RGB. Larger than any camera's picture; a bomb is refused before it unfolds.
MAX_PIXELS = 178_000_000

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
    """A path, bytes, a binary file, a PIL image or an array uint8 [H, W, 3] -> upright RGB image.

    EXIF rotation is applied, transparency becomes white, more than 8 bits are scaled down, and of
    an animation the first frame is taken.

    Raises ImageError if the picture is broken, unknown or too large, OSError if the file cannot be
    opened, ValueError for any other kind of array.
    """
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
            raise ValueError(
                f"an array must be uint8 [H, W, 3], not {source.dtype} {list(source.shape)}"
            )
        if source.size == 0:
            raise ImageError("the picture has no pixels")
        return Image.fromarray(source)
    if isinstance(source, Image.Image):
        return _guarded(source)
    if isinstance(source, bytes):
        return _guarded(io.BytesIO(source))
    if isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb") as file:
            return _guarded(file)
    return _guarded(source)


def _guarded(source: BinaryIO | Image.Image) -> Image.Image:
    """Decode, with every failure turned into an ImageError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata is of no concern here
        try:
            image = source if isinstance(source, Image.Image) else Image.open(source)
            _check_size(*image.size)
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


def _check_size(width: int, height: int) -> None:
    if width * height == 0:
        raise ImageError("the picture has no pixels")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"the picture has {width} x {height} pixels, at most {MAX_PIXELS} can be read safely"
        )


def _turned_upright(image: Image.Image) -> Image.Image:
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
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
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
    values = np.nan_to_num(np.asarray(image, np.float64))
    low, high = values.min(), values.max()
    if image.mode.startswith("I;16"):
        whites = [65535.0]
    else:
        whites = [1.0] * (image.mode == "F") + [255.0, 65535.0]
    white = next((white for white in whites if low >= 0 and high <= white), None)
    if white is None:
        values, white = values - low, max(high - low, 1.0)
    grey = (values * (255 / white)).round().astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")
