"""Bilinear resizing in floating point, for networks whose input has another size.

Equals torch's interpolate(mode="bilinear", align_corners=False, antialias=True) to within rounding:
a triangle filter, whose half width is the larger of the input's and the output's pixel. Pillow's
filter is the same but rounds to integers, twice.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt


def resize(pictures: npt.NDArray[Any], size: int) -> npt.NDArray[np.float32]:
    """Resize square pictures: [N, S, S, 3] of any numeric type -> float32 [N, 3, size, size]."""
    planes = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)
    if planes.shape[-1] == size:
        return planes
    weights = _weights(planes.shape[-1], size)
    return np.asarray(weights @ planes @ weights.T)


@lru_cache(maxsize=8)
def _weights(before: int, after: int) -> npt.NDArray[np.float32]:
    """The weight of each input pixel in each output pixel, [after, before]; rows sum to one."""
    scale = before / after
    centres = (np.arange(after)[:, None] + 0.5) * scale
    distances = np.abs(np.arange(before) + 0.5 - centres) / max(scale, 1)
    triangle = np.maximum(1 - distances, 0)
    return np.asarray(triangle / triangle.sum(1, keepdims=True), np.float32)
