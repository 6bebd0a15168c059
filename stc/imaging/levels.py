"""Grey and colours of more than 8 bits -> 8 bits: estimating the values of black and white.

Files rarely state these values. 12 bits of a camera in 16-bit samples use 1/16 of the range; the
values of a thermal camera lie in the middle of the range. If the file states no values, they are
estimated from the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from stc.imaging import tiff

Values = npt.NDArray[np.float32]

# The largest values of 8, 10, 12, 14 and 16 bits.
_WHITES = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
# Fraction of the pixels that may be above white, and that may be below black, such as hot pixels.
_BEYOND = 0.001
_SAMPLES = 1_000_000  # number of pixels for the estimate of black and white
# If the picture uses a smaller fraction of the range, its extremes become black and white.
_IN_USE = 1 / 16
_BITS_PER_SAMPLE = 258
# For each of Pillow's raw modes of 16-bit samples, the one that reads the other byte.
_OTHER_BYTE = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B"}
# Maximum upper byte of a picture that uses at most 14 bits.
_MAX_UPPER = 63


@dataclass(frozen=True)
class Scale:
    """The range of grey values that a file states, if any."""

    extremes: tuple[float, float] | None = None  # the values of black and white
    negative: bool = False  # whether the smaller values are white

    @classmethod
    def of(cls, image: Image.Image) -> Scale:
        """Read the range from the metadata of an image, which must not be loaded yet."""
        extremes = tiff.extremes(image)
        if extremes is None and getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE) == (12,):
            extremes = (0.0, 4095.0)
        return cls(extremes, tiff.is_negative(image))


def grey(image: Image.Image, scale: Scale) -> Values:
    """Scale a grey image of 16 or 32 bits or of floats -> float32 [H, W], 0 black, 255 white.

    Black and white are the values that the file states. Without them, black is 0 and white the
    smallest of 255, 1023, 4095, 16383 and 65535 (for floating point also 1) that at most one pixel
    in a thousand exceeds. If pixels are negative or larger than all of these, or if the picture
    uses less than a sixteenth of the range, black and white are the minimum and the maximum.
    """
    values = _finite(np.asarray(image).astype(np.float32))
    black, white = scale.extremes or _from_data(values, floating=image.mode == "F")
    values -= np.float32(black)
    values *= np.float32(255 / max(white - black, 1e-30))
    if scale.negative:
        np.subtract(np.float32(255), values, out=values)
    return np.clip(values, 0, 255, out=values)


def _from_data(values: npt.NDArray[Any], *, floating: bool = False) -> tuple[float, float]:
    """Estimate the values of black and white from those of the pixels."""
    few = values.ravel()[:: max(1, values.size // _SAMPLES)]
    low, high = (float(one) for one in np.quantile(few, (_BEYOND, 1 - _BEYOND)))
    whites = (1.0,) * floating + _WHITES
    white = next((white for white in whites if high <= white), None)
    if white is None or low < 0:
        return float(few.min()), float(few.max())
    if low < high < low + white * _IN_USE:
        return low, high
    return 0.0, white


def _finite(values: Values) -> Values:
    """Replace infinite values by the finite extremes, and NaN by black."""
    finite = np.isfinite(values)
    if finite.all():
        return values
    known = values[finite]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    return np.nan_to_num(values, copy=False, nan=min(low, 0.0), posinf=high, neginf=low)


def raw_mode(image: Image.Image) -> str:
    """Pillow's raw mode for the 16-bit samples of an unloaded RGB image; empty for others."""
    if image.mode not in ("RGB", "RGBA") or not getattr(image, "tile", None):
        return ""
    args = image.tile[0][3]  # type: ignore[attr-defined]
    raw = args if isinstance(args, str) else args[0] if args else ""
    return raw if isinstance(raw, str) and raw[-4:] in _OTHER_BYTE else ""


def brightened(upper: Image.Image, unloaded: Image.Image, raw: str) -> Image.Image:
    """Scale colours of 16 bits to the range that they use -> an image of 8 bits.

    upper: the image as Pillow loads it, with the upper bytes only. unloaded: the same picture
    opened once more, of which `raw` is the `raw_mode`. A picture that uses 15 bits or more is
    returned unchanged.
    """
    colours = upper.getextrema()[:3]
    if max(high for _, high in colours) > _MAX_UPPER:  # type: ignore[misc]
        return upper
    other = raw[:-4] + _OTHER_BYTE[raw[-4:]]
    tiles = []
    for name, box, offset, args in unloaded.tile:  # type: ignore[attr-defined]
        tiles.append((name, box, offset, other if isinstance(args, str) else (other, *args[1:])))
    unloaded.tile = [type(unloaded.tile[0])(*tile) for tile in tiles]  # type: ignore[attr-defined]
    unloaded.load()
    high, low = np.asarray(upper), np.asarray(unloaded)
    values = (high[..., :3].astype(np.uint16) << 8 | low[..., :3]).astype(np.float32)
    black, white = _from_data(values)
    values = np.clip((values - black) * (255 / max(white - black, 1e-30)), 0, 255)
    pixels = np.concatenate([values.round().astype(np.uint8), high[..., 3:]], 2)
    result = Image.fromarray(pixels)
    result.info = upper.info
    return result
