"""Completing truncated pictures in which only a few rows are missing, as viewers do."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from stc.imaging import jpeg

# Largest fraction of the rows that may be missing.
MAX_MISSING = 0.05
# Rows that a JPEG decoder outputs late: those of a block with chroma subsampling (16), and two.
_HELD_BACK = 18


def load(image: Image.Image) -> Image.Image:
    """Load the pixels of an image; up to 5 % missing rows of a truncated file repeat the last row.

    A progressive JPEG may lack scans that only refine coefficients. Raises Pillow's error if more
    is missing or the picture is broken.
    """
    file = getattr(image, "fp", None)
    try:
        image.load()
    except OSError:
        rescued = _rescued(image, file)
        if rescued is None:
            raise
        return rescued
    return image


def _rescued(image: Image.Image, file: Any) -> Image.Image | None:
    there = _so_far(image)
    if there is None:
        return None
    empty = _empty(there)
    if image.format == "JPEG" and file is not None and not file.closed:
        return _with_end(file, int(empty.sum()), len(empty))
    if empty.sum() > _limit(len(empty)):
        return None
    return _filled(there, np.nonzero(~empty)[0])


def _so_far(image: Image.Image) -> Image.Image | None:
    """The pixels that were decoded before an error; None if there are none."""
    try:
        image.tile = []  # type: ignore[attr-defined]
        return image.copy()
    except Exception:  # decoding had not begun
        return None


def _with_end(file: BinaryIO, empty: int, height: int) -> Image.Image | None:
    """Decode a JPEG without end marker by adding one; None if too many rows are empty."""
    file.seek(0)
    found = jpeg.first_picture(file.read())
    there = found.complete if found.progressive else empty <= _limit(height) + _HELD_BACK
    if found.ended or not there:
        return None
    whole = Image.open(io.BytesIO(found.data + b"\xff\xd9"), formats=["JPEG"])
    whole.load()
    return whole


def _limit(height: int) -> float:
    return max(1.0, MAX_MISSING * height)


def _empty(image: Image.Image) -> npt.NDArray[np.bool_]:
    """Which rows are zero, bool [H], as rows that were not decoded are."""
    pixels = np.asarray(image)
    return np.asarray(~pixels.reshape(len(pixels), -1).any(1))


def _filled(image: Image.Image, rows: npt.NDArray[np.intp]) -> Image.Image:
    """Fill the rows above the first of `rows`, and below the last, with copies of that row."""
    first, last = int(rows[0]), int(rows[-1])
    width, height = image.size
    for row, start, count in ((first, 0, first), (last, last + 1, height - last - 1)):
        if count:
            line = image.crop((0, row, width, row + 1))
            image.paste(line.resize((width, count), Image.Resampling.NEAREST), (0, start))
    return image
