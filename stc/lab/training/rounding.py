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
DAMPING = 0.005  # of the mean variance is added to every variance

# A row's number and the row [C] as it should be -> codes [C] and the values that they stand for.
Nearest = Callable[[int, Tensor], tuple[Tensor, Tensor]]


def compensation(covariance: Tensor) -> Tensor:
    """How much of a row's error each later row takes back, from the covariance [R, R] of x.

    The upper triangular U with U^T U the inverse of the damped covariance, float32 [R, R].
    """
    double = covariance.double()
    damped = double + DAMPING * double.diagonal().mean() * torch.eye(len(double))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    upper: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return upper.float()


def round_rows(matrix: Tensor, upper: Tensor, nearest: Nearest) -> Tensor:
    """Codes of a matrix [R, C], uint8 [R, C]; upper is the `compensation` of its rows."""
    rest, codes = matrix.clone(), []
    for first in range(0, len(matrix), BLOCK):
        last = min(first + BLOCK, len(matrix))
        errors = torch.zeros(last - first, matrix.shape[1])
        for row in range(first, last):
            code, value = nearest(row, rest[row])
            codes.append(code.to(torch.uint8))
            error = errors[row - first] = (rest[row] - value) / upper[row, row]
            rest[row + 1 : last] -= upper[row, row + 1 : last, None] * error
        rest[last:] -= upper[first:last, last:].T @ errors
    return torch.stack(codes)


def curve(bits: int) -> Tensor:
    """Values of the codes of so many bits, int [2^bits], -127 to 127 and denser around 0."""
    steps = torch.linspace(-1, 1, 1 << bits, dtype=torch.float64)
    return (127 * steps.sign() * steps.abs() ** 1.5).round().int()


def stretched(values: Tensor, tops: Tensor) -> Tensor:
    """Values of a curve [n] where the largest are tops [m], 0 to 128, as they are read: [m, n]."""
    return (values * tops[:, None].int() + 64) >> 7
