"""Rounds a matrix M so that the error of its products x @ M is small.

Rows are rounded one by one. Since the entries of x are correlated, later rows can compensate the
error that a row adds to x @ M: optimal brain compression (Frantar and Alistarh 2022, arXiv
2208.11580) in the fixed order of GPTQ (Frantar et al. 2022, arXiv 2210.17323).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 128  # rows between updates of all later rows
_STEPS, _TURNS = 24, 3  # iterations of a curve's fit, and of alternating curve and scales
# The range of a column's codes is tried at these multiples of 5 standard deviations.
_DEVIATIONS = 5
_STRETCHES = (0.7, 0.85, 1, 1.25, 1.6, 2.1, 2.8, 4, 6)
_SAMPLE = 1 << 19  # numbers to which a curve is fitted

# Maps a row's index and its exact values [C] to codes [C] and the values of the codes [C].
Nearest = Callable[[int, Tensor], tuple[Tensor, Tensor]]


def compensation(covariance: Tensor, damping: float) -> Tensor:
    """How much of a row's error each later row compensates, from the covariance [R, R] of x.

    damping: the share of the mean variance that is added to every variance. Returns the upper
    triangular U for which U^T U is the inverse of the damped covariance, float32 [R, R].
    """
    double = covariance.double()
    damped = double + damping * double.diagonal().mean() * torch.eye(len(double))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    upper: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return upper.float()


def round_rows(matrix: Tensor, upper: Tensor, nearest: Nearest) -> Tensor:
    """The codes of a matrix [R, C], int64 [R, C], with compensation of errors.

    upper: the result of `compensation`. nearest: rounds one row.
    """
    rest, codes = matrix.clone(), []
    for first in range(0, len(matrix), BLOCK):
        last = min(first + BLOCK, len(matrix))
        errors = torch.zeros(last - first, matrix.shape[1])
        for row in range(first, last):
            code, value = nearest(row, rest[row])
            codes.append(code.long())
            error = errors[row - first] = (rest[row] - value) / upper[row, row]
            rest[row + 1 : last] -= upper[row, row + 1 : last, None] * error
        rest[last:] -= upper[first:last, last:].T @ errors
    return torch.stack(codes)


def curve(bits: int) -> Tensor:
    """The initial values of codes of `bits` bits, int32 [2^bits]: -127 to 127, denser around 0."""
    steps = torch.linspace(-1, 1, 1 << bits, dtype=torch.float64)
    return (127 * steps.sign() * steps.abs() ** 1.5).round().int()


def row_tops(matrix: Tensor) -> Tensor:
    """The relative RMS of the rows of a matrix [R, C], int64 [R], 1 to 128.

    Columns are normalised before.
    """
    power = matrix.square()
    size = (power / power.mean(0).clamp_min(1e-30)).mean(1).sqrt()
    return (128 * size / size.max().clamp_min(1e-30)).round().clamp(1, 128).long()


def drawn(points: Tensor, tops: Tensor) -> Tensor:
    """The values of the codes of a curve [n] in rows with the sizes tops [R], [R, n]."""
    return ((points.int() * tops[:, None].int() + 64) >> 7).float()


def nearest_codes(tables: Tensor, matrix: Tensor) -> Tensor:
    """The codes [R, C] of the values nearest to a matrix [R, C]; tables: values by row, [R, n]."""
    middles = ((tables[:, 1:] + tables[:, :-1]) / 2).contiguous()
    return torch.searchsorted(middles, matrix.contiguous())


def fitted_curve(
    matrix: Tensor, tops: Tensor, bits: int, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Fit the values of codes to a matrix [R, C]: a curve int32 [2^bits], and column scales [C].

    Numbers relative to the sizes of their row (tops [R]) and column have nearly the same
    distribution. Curve and scales are fitted in turns: the curve to a sample of all numbers, each
    scale to its column, since some columns have outliers. weight [C]: of a column's squared errors.
    """
    rows, ends = tops[:, None] / 128, 127 / _DEVIATIONS
    weight = torch.ones(matrix.shape[1]) if weight is None else weight
    size = (matrix / rows).square().mean(0).sqrt().clamp_min(1e-12)
    scale, points = size / ends, curve(bits)
    for _ in range(_TURNS):
        points = _curve_of(matrix / rows / scale, (rows * scale).square() * weight, points)
        tables, least = drawn(points, tops), torch.full_like(size, torch.inf)
        for stretch in _STRETCHES:
            own = size * stretch / ends
            found = tables.gather(1, nearest_codes(tables, matrix / own)) * own
            error = (found - matrix).square().sum(0)
            scale = torch.where(error < least, own, scale)
            least = torch.minimum(error, least)
    return points, scale


def _curve_of(alike: Tensor, mass: Tensor, points: Tensor) -> Tensor:
    """A curve [n] fitted to numbers with weights, [R, C] each (Lloyd 1982, IEEE Trans. IT 28)."""
    every = -(-alike.numel() // _SAMPLE) | 1  # odd, so that the sample has all columns
    mass, alike = mass.flatten()[::every].double(), alike.flatten()[::every].double()
    order = alike.argsort()
    alike, mass = alike[order].clamp(-127, 127), mass[order]
    sums = torch.nn.functional.pad(torch.stack([mass, mass * alike]).cumsum(1), (1, 0))
    found = points.double()
    for _ in range(_STEPS):
        cuts = torch.searchsorted(alike, (found[1:] + found[:-1]) / 2)
        ends = torch.cat([cuts, torch.tensor([len(alike)])])
        own, total = sums[:, ends].diff(dim=1, prepend=sums[:, :1])
        found = torch.where(own > 0, total / own.clamp_min(1e-300), found)
    return found.round().int().clamp(-127, 127)
