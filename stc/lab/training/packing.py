"""Packs matrices of a model in few bits; stc/codec/packing.py unpacks them.

The fit packs a matrix when it has computed it and continues with the unpacked one, so that
codebooks and decoder are fitted to the rounded matrix. Each `pack_` function returns the arrays of
the model file, by the last words of their names (see `named`), and the unpacked matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stc.lab.training.rounding import (
    compensation,
    drawn,
    fitted_curve,
    nearest_codes,
    round_rows,
    row_tops,
)
from stc.lab.training.subspace import MIRROR

Arrays = dict[str, npt.NDArray[Any]]

BASIS_BITS = 5
BASIS_FIRST = 64  # the first, strongest components, whose axes have 8 bits
METRIC_RANK = 320

# Bits of a level's synthesis matrix, by the index of the level's first token. The first levels are
# in every file, and their matrices are the smallest, so they have most bits.
SYNTHESIS_BITS = {0: 8, 25: 6, 89: 5, 185: 4}
CODEBOOK_BITS = {0: 7, 89: 6, 185: 5}

_DAMPING = 0.3  # of the basis: more lowers the error of synthesis, less that of analysis

_LEFT = torch.arange(len(MIRROR))[torch.arange(len(MIRROR)) < MIRROR]

# The maximal deviation of a basis from even or odd that rounding can explain.
_MIRROR_ERROR = 1e-4


def named(name: str, words: Arrays) -> Arrays:
    """The arrays by their full names in a model file: `name.word`, or `name` for the word ""."""
    return {f"{name}.{word}" if word else name: array for word, array in words.items()}


def bits_of(first_token: int, table: Mapping[int, int]) -> int:
    """The bits of each number in a level's matrix.

    first_token: the index of the level's first token. table: bits by the least first token.
    """
    return [bits for start, bits in table.items() if start <= first_token][-1]


def pack_basis(basis: Tensor, power: Tensor) -> tuple[Arrays, Tensor]:
    """Pack a basis of planes [6144, Z] -> the arrays of `basis`, and the unpacked basis [6144, Z].

    basis: orthonormal columns, each even or odd under mirroring. power [Z]: variance of the
    components; the first BASIS_FIRST are the strongest. The rounding error of each sample is
    compensated by the following ones, weighted by the covariance of faces. With the packed basis,
    the transpose then gives components with an error of a hundredth of their standard deviation;
    plain rounding would mix the strongest components into all others. Raises ValueError if a column
    is neither even nor odd.
    """
    left, right = basis[_LEFT], basis[MIRROR[_LEFT]]
    mirror = (left * right).sum(0).sign()
    if not (right - mirror * left).abs().max() <= _MIRROR_ERROR:
        raise ValueError("a column of the basis is neither even nor odd")
    number = min(BASIS_FIRST, basis.shape[1] - 1)
    strong = torch.arange(basis.shape[1]) < number
    tops = row_tops(left)
    weak = left[:, ~strong]
    points, steps = fitted_curve(weak, tops, BASIS_BITS)
    tables = drawn(points, tops)
    scale = torch.where(strong, left.abs().amax(0) / 126, 0)
    scale[~strong] = steps
    scale = _half(scale)
    codes = torch.zeros(len(left), basis.shape[1], dtype=torch.int64)
    for own in (1, -1):
        columns = (mirror == own).nonzero()[:, 0]
        if len(columns) == 0:
            continue
        spread = left[:, columns] * power[columns] @ left[:, columns].T
        mine, large = scale[columns], strong[columns]

        def nearest(
            row: int, wanted: Tensor, mine: Tensor = mine, large: Tensor = large
        ) -> tuple[Tensor, Tensor]:
            steps = wanted / mine
            whole = steps.round().clamp(-127, 127)
            found = nearest_codes(tables[row : row + 1], steps[None])[0]
            value = torch.where(large, whole, tables[row][found])
            return torch.where(large, whole.long(), found), value * mine

        codes[:, columns] = round_rows(left[:, columns], compensation(spread, _DAMPING), nearest)
    values = codes.float()
    values[:, ~strong] = tables.gather(1, codes[:, ~strong])
    read = torch.zeros_like(basis)
    read[_LEFT] = values * scale
    read[MIRROR[_LEFT]] = read[_LEFT] * mirror
    arrays: Arrays = {
        "first": _int8(codes[:, strong]),
        "codes": pack_codes(codes[:, ~strong], BASIS_BITS),
        "curve": _int8(points),
        "tops": tops.numpy().astype(np.uint8),
        "scale": scale.numpy().astype(np.float16),
        "mirror": _int8(mirror),
    }
    return {word: array for word, array in arrays.items() if array.size}, read


def pack_matrix(matrix: Tensor, bits: int, weight: Tensor | None = None) -> tuple[Arrays, Tensor]:
    """Pack a matrix [R, C] -> its arrays, and the unpacked matrix, float32 [R, C].

    It packs the synthesis matrix of a level [Z, C] (components by latents), and codebooks
    [G * K, C]. bits: 1 to 7 for codes of a curve, or 8 for int8 with a scale for each column. Each
    number is rounded to its nearest code: latents are uncorrelated, so that none can compensate the
    error of another. weight [C]: of a column's squared error in the fit of the curve, such as the
    variance of its latent.
    """
    if bits == 8:
        whole, steps = to_int8(matrix.numpy())
        return {"": whole, "scale": steps}, _read(whole, steps)
    tops = row_tops(matrix)
    points, scale = fitted_curve(matrix, tops, bits, weight)
    tables, scale = drawn(points, tops), _half(scale)
    codes = nearest_codes(tables, matrix / scale)
    values = tables.gather(1, codes)
    # The least-squares scale of the rounded values.
    scale = (values * matrix).sum(0) / values.square().sum(0).clamp_min(1e-9)
    scale = _half(scale.clamp_min(0))
    arrays: Arrays = {
        "codes": pack_codes(codes, bits),
        "curve": _int8(points),
        "tops": tops.numpy().astype(np.uint8),
        "scale": scale.numpy().astype(np.float16),
    }
    return arrays, values * scale


def pack_synthesis(
    synthesis: Tensor, power: Tensor | None = None, bits: int = 6
) -> tuple[Arrays, Tensor]:
    """Pack a level's synthesis matrix [Z, C] -> the arrays of `levels.N.synthesis`, and [Z, C].

    power [C]: variance of the latents. See `pack_matrix`.
    """
    return pack_matrix(synthesis, bits, power)


def pack_codebooks(weight: Tensor, bits: int) -> tuple[Arrays, Tensor]:
    """Pack codewords [G, K, C] -> the arrays of `levels.N.codebooks`, and unpacked [G, K, C]."""
    arrays, read = pack_matrix(weight.flatten(0, 1), bits)
    leading = {word: array for word, array in arrays.items() if word in ("", "codes", "tops")}
    sizes = {"": (-1,), "codes": (-1,), "tops": ()}
    arrays |= {word: own.reshape(*weight.shape[:2], *sizes[word]) for word, own in leading.items()}
    return arrays, read.view_as(weight)


def pack_metric(factor: Tensor) -> tuple[Arrays, Tensor]:
    """Pack a metric's factor [Z, r] -> the arrays of `encoder.metrics.M`, and unpacked [Z, r]."""
    values, scale = to_int8(factor.numpy())
    return {"": values, "scale": scale}, _read(values, scale)


def to_int8(matrix: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[Any]]:
    """Quantize float32 [..., C] -> int8 [..., C], and a float16 scale for each column [C]."""
    largest = np.abs(matrix.reshape(-1, matrix.shape[-1])).max(0)
    scale = np.maximum(largest / 127, 1e-7).astype(np.float16)
    quantized = np.round(matrix / scale.astype(np.float32))
    return np.clip(quantized, -127, 127).astype(np.int8), scale


def pack_codes(codes: Tensor, bits: int) -> npt.NDArray[np.uint8]:
    """Pack codes [R, C] of `bits` bits -> uint8 [R, bytes], the format of stc/codec/packing.py."""
    array, pieces, left = codes.numpy().astype(np.uint8), [], bits
    for width in (4, 2, 1):
        if not bits & width:
            continue
        left -= width
        size = -(-array.shape[1] * width // 8)
        digits = array >> left & (1 << width) - 1
        piece = np.zeros((len(array), size), np.uint8)
        for shift in range(0, 8, width):
            own = digits[:, shift // width * size :][:, :size]
            piece[:, : own.shape[1]] |= own << shift
        pieces.append(piece)
    return np.concatenate(pieces, 1)


def _read(values: npt.NDArray[np.int8], scale: npt.NDArray[Any]) -> Tensor:
    """The values of a matrix in 8 bits."""
    return torch.from_numpy(values.astype(np.float32) * scale.astype(np.float32))


def _half(scale: Tensor) -> Tensor:
    """Scales rounded to float16, as they are stored, and above 0."""
    return scale.clamp_min(1e-7).half().float()


def _int8(tensor: Tensor) -> npt.NDArray[np.int8]:
    return tensor.numpy().astype(np.int8)
