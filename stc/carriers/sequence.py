"""Structured append: QR codes that each hold one part of a file (ISO/IEC 18004, section 8).

zxing-cpp returns the bytes of such a part like those of any other code. The part is marked by its
first eight bits: 0011, then its index, from 0. With any block interleaving these are the eight
modules in the lower right corner, after the mask is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import zxingcpp

_STRUCTURED_APPEND = 0b0011

# For each mask, whether it inverts the module in row i and column j (ISO/IEC 18004, table 10).
_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda i, j: (i + j) % 2 == 0,
    lambda i, j: i % 2 == 0,
    lambda i, j: j % 3 == 0,
    lambda i, j: (i + j) % 3 == 0,
    lambda i, j: (i // 2 + j // 3) % 2 == 0,
    lambda i, j: i * j % 2 + i * j % 3 == 0,
    lambda i, j: (i * j % 2 + i * j % 3) % 2 == 0,
    lambda i, j: ((i + j) % 2 + i * j % 3) % 2 == 0,
)


def part_index(code: zxingcpp.Barcode) -> int | None:
    """The index, 0 to 15, of the part that a code holds; None for a code with a complete file.

    None too if the installed zxing-cpp does not return the modules of the codes that it reads.
    """
    extra = getattr(code, "extra", None)
    mask = extra.get("DataMask") if isinstance(extra, dict) else None
    if not isinstance(mask, int) or not 0 <= mask < 8 or not hasattr(code, "to_image"):
        return None
    drawn = np.asarray(code.to_image(scale=1, add_hrt=False, add_quiet_zones=False))
    if drawn.ndim != 2 or drawn.shape[0] != drawn.shape[1] or len(drawn) < 21:
        return None
    last = len(drawn) - 1
    bits = 0
    for row in range(last, last - 4, -1):
        for column in (last, last - 1):
            dark = drawn[row, column] < 128
            bits = bits << 1 | (dark ^ _MASKS[mask](row, column))
    return int(bits & 15) if bits >> 4 == _STRUCTURED_APPEND else None
