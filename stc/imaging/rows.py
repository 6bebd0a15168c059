"""Pictures that are cut short: shown where nearly all of them is there, as viewers do."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from stc.imaging import jpeg

# So large a part of the rows may be missing.
MISSING = 0.05
# Rows that a JPEG decoder holds back until it sees what follows: those of a block of two, two more.
_HELD_BACK = 18


def load(image: Image.Image) -> Image.Image:
    """An image with its pixels; of one that is cut short, up to 5 % of the rows repeat the last.

    A progressive JPEG may lack any scan that only refines. Raises what Pillow raises if more is
    missing, or the picture is broken.
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
    """What a decoder has left in an image when it failed."""
    try:
        image.tile = []  # type: ignore[attr-defined]
        return image.copy()
    except Exception:  # it has not begun
        return None


def _with_end(file: BinaryIO, empty: int, height: int) -> Image.Image | None:
    """A JPEG picture without its end marker, which is what decoders add themselves."""
    file.seek(0)
    found = jpeg.first_picture(file.read())
    there = found.complete if found.progressive else empty <= _limit(height) + _HELD_BACK
    if found.ended or not there:
        return None
    whole = Image.open(io.BytesIO(found.data + b"\xff\xd9"), formats=["JPEG"])
    whole.load()
    return whole


def _limit(height: int) -> float:
    return max(1.0, MISSING * height)


def _empty(image: Image.Image) -> npt.NDArray[np.bool_]:
    """Which rows, [H], have nothing but zeros: a decoder has not come to them."""
    pixels = np.asarray(image)
    return np.asarray(~pixels.reshape(len(pixels), -1).any(1))


def _filled(image: Image.Image, rows: npt.NDArray[np.intp]) -> Image.Image:
    """The image with the nearest of its `rows` in those above and below them."""
    first, last = int(rows[0]), int(rows[-1])
    width, height = image.size
    for row, start, count in ((first, 0, first), (last, last + 1, height - last - 1)):
        if count:
            line = image.crop((0, row, width, row + 1))
            image.paste(line.resize((width, count), Image.Resampling.NEAREST), (0, start))
    return image
