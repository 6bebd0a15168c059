"""Matrices that enlarge rows of samples, as torch's `interpolate` with align_corners=False.

A sample is at the centre of its pixel; beyond the ends the last sample is repeated.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from stc.codec.matrix import Floats

SHARPNESS = -0.75  # Keys' parameter


@cache
def bicubic(samples: int, size: int) -> Floats:
    """Return the matrix [size, samples] of cubic convolution (Keys 1981, a = -0.75)."""
    weights = np.zeros((size, samples), np.float32)
    for row in range(size):
        place = (row + 0.5) * samples / size - 0.5
        first = math.floor(place) - 1
        for sample in range(first, first + 4):
            weights[row, min(max(sample, 0), samples - 1)] += _cubic(abs(place - sample))
    return weights


@cache
def bilinear(samples: int, size: int) -> Floats:
    """Return the matrix [size, samples] of linear interpolation."""
    weights = np.zeros((size, samples), np.float32)
    for row in range(size):
        place = max((row + 0.5) * samples / size - 0.5, 0)
        first = int(place)
        weights[row, first] += 1 - (place - first)
        weights[row, min(first + 1, samples - 1)] += place - first
    return weights


def _cubic(distance: float) -> float:
    a = SHARPNESS
    if distance <= 1:
        return ((a + 2) * distance - (a + 3)) * distance**2 + 1
    return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
