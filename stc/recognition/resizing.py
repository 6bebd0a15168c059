"""Bilinear resizing in floating point, for networks that want faces of another size.

As torch's interpolate(mode="bilinear", align_corners=False, antialias=True) does it, to within
rounding: a triangle filter, as wide as a pixel of whichever picture has the larger ones. Pillow's
filter is the same but rounds to whole numbers, twice.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt


def resize(pictures: npt.NDArray[Any], size: int) -> npt.NDArray[np.float32]:
    """Square pictures [N, S, S, 3] of any type -> float32 [N, 3, size, size]."""
    planes = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)
    if planes.shape[-1] == size:
        return planes
    weights = _weights(planes.shape[-1], size)
    return np.asarray(weights @ planes @ weights.T)


@lru_cache(maxsize=8)
def _weights(before: int, after: int) -> npt.NDArray[np.float32]:
    """What every pixel before gives to every pixel after, [after, before]; rows sum to one."""
    scale = before / after
    centres = (np.arange(after)[:, None] + 0.5) * scale
    distances = np.abs(np.arange(before) + 0.5 - centres) / max(scale, 1)
    triangle = np.maximum(1 - distances, 0)
    return np.asarray(triangle / triangle.sum(1, keepdims=True), np.float32)
