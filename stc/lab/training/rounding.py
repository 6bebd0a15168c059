"""Rounding a matrix so that little is seen of it in its products with what it is used on.

Row by row, and what the rounding of a row adds to x @ M is taken back as well as later rows can,
since the entries of x go together: optimal brain quantization (Frantar and Alistarh 2022, arXiv
2208.11580) in the order of GPTQ (Frantar et al. 2022, arXiv 2210.17323).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 128  # rows between updates of all later ones
_STEPS, _TURNS = 24, 3  # of fitting a curve, and of fitting it and the scales
_DEVIATIONS = 5  # of the numbers of a column, that the ends of a curve stand for, times one of
_STRETCHES = (0.7, 0.85, 1, 1.25, 1.6, 2.1, 2.8, 4, 6)
_SAMPLE = 1 << 19  # numbers that a curve is fitted to

# A row's number and the row [C] as it should be -> codes [C] and the values that they stand for.
Nearest = Callable[[int, Tensor], tuple[Tensor, Tensor]]


def compensation(covariance: Tensor, damping: float) -> Tensor:
    """How much of a row's error each later row takes back, from the covariance [R, R] of x.

    damping: of the mean variance is added to every variance. Gives the upper triangular U with
    U^T U the inverse of the damped covariance, float32 [R, R].
    """
    double = covariance.double()
    damped = double + damping * double.diagonal().mean() * torch.eye(len(double))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    upper: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return upper.float()


def round_rows(matrix: Tensor, upper: Tensor, nearest: Nearest) -> Tensor:
    """Codes of a matrix [R, C], int64 [R, C]; upper is the `compensation` of its rows."""
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
    """Values of the codes of so many bits, int32 [2^bits], -127 to 127 and denser around 0."""
    steps = torch.linspace(-1, 1, 1 << bits, dtype=torch.float64)
    return (127 * steps.sign() * steps.abs() ** 1.5).round().int()


def row_tops(matrix: Tensor) -> Tensor:
    """How large the rows of a matrix [R, C] are, columns being alike: int64 [R], 1 to 128."""
    power = matrix.square()
    size = (power / power.mean(0).clamp_min(1e-30)).mean(1).sqrt()
    return (128 * size / size.max().clamp_min(1e-30)).round().clamp(1, 128).long()


def drawn(points: Tensor, tops: Tensor) -> Tensor:
    """What the codes of a curve [n] stand for in rows whose largest values are tops [R], [R, n]."""
    return ((points.int() * tops[:, None].int() + 64) >> 7).float()


def nearest_codes(tables: Tensor, matrix: Tensor) -> Tensor:
    """Of numbers [R, C] the codes of the nearest values in the tables of their rows [R, n]."""
    middles = ((tables[:, 1:] + tables[:, :-1]) / 2).contiguous()
    return torch.searchsorted(middles, matrix.contiguous())


def fitted_curve(
    matrix: Tensor, tops: Tensor, bits: int, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The curve that rounds a matrix [R, C] best, int32 [2^bits], and scales of its columns [C].

    Numbers over the sizes of their row and column are nearly alike. Curve and scales are fitted in
    turns: the curve to a sample, every scale to its column, some of which have numbers far from all
    others. weight [C]: how much squared errors in a column count, in the scale of the column.
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
    """A curve [n] fitted to numbers of some mass, [R, C] each (Lloyd 1982, IEEE Trans. IT 28)."""
    every = -(-alike.numel() // _SAMPLE) | 1  # odd, to come to all columns
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
