"""Similarity of two pictures: PSNR and SSIM."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.uint8]  # [N, H, W, 3], RGB
Floats = npt.NDArray[np.float64]

PEAK = 255  # the range of a sample

# Radius and standard deviation of SSIM's Gaussian window, in pixels.
REACH, SIGMA = 5, 1.5
_STABLE = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2  # K1 and K2 of the paper


def psnr(source: Pictures, other: Pictures) -> Floats:
    """PSNR over RGB of N pairs of pictures uint8 [N, H, W, 3], in dB, [N]; infinite if equal.

    Raises ValueError for other shapes.
    """
    _check(source, other)
    error = [np.square(a.astype(np.int32) - b).mean() for a, b in zip(source, other, strict=True)]
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(PEAK**2 / np.array(error, np.float64)))


def ssim(source: Pictures, other: Pictures) -> Floats:
    """SSIM of N pairs of pictures uint8 [N, H, W, 3], the mean over RGB and all pixels, [N].

    As in Wang et al. 2004 (IEEE Transactions on Image Processing 13), with a Gaussian window of
    11x11 pixels and reflected borders. Raises ValueError for other shapes, or a side of less than 6
    pixels.
    """
    _check(source, other)
    if min(source.shape[1:3]) <= REACH:
        raise ValueError(f"SSIM needs {REACH + 1} pixels along each side, not {source.shape[1:3]}")
    found = [_ssim(a, b) for a, b in zip(source, other, strict=True)]
    return np.array(found, np.float64)


def _ssim(source: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    x, y = source.astype(np.float64), other.astype(np.float64)
    mean_x, mean_y, squares, product = _blurred(np.stack([x, y, x * x + y * y, x * y]))
    luminance, energy = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    first, second = _STABLE
    above = (2 * luminance + first) * (2 * (product - luminance) + second)
    below = (energy + first) * (squares - energy + second)
    return float((above / below).mean())


def _blurred(planes: Floats) -> Floats:
    """Filter planes [P, H, W, C] with the Gaussian window."""
    taps = np.exp(-np.square(np.arange(REACH + 1) / SIGMA) / 2)
    taps /= 2 * taps.sum() - taps[0]
    for axis in (1, 2):
        size = planes.shape[axis]
        width = [(0, 0)] * planes.ndim
        width[axis] = REACH, REACH
        wide = np.moveaxis(np.pad(planes, width, "reflect"), axis, 0)
        total = taps[0] * wide[REACH : REACH + size]
        for i in range(1, REACH + 1):
            total += taps[i] * (wide[REACH - i :][:size] + wide[REACH + i :][:size])
        planes = np.moveaxis(total, 0, axis)
    return planes


def _check(source: Pictures, other: Pictures) -> None:
    if source.shape != other.shape or source.ndim != 4 or source.shape[3] != 3:
        raise ValueError(
            f"pictures must both be [N, H, W, 3], not {source.shape} and {other.shape}"
        )
