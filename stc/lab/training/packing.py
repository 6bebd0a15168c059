"""The encoder's matrices in few bits: the writing side of stc/codec/packing.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stc.codec.planes import CHROMA, LUMA
from stc.lab.training.rounding import compensation, curve, round_rows, stretched

Arrays = dict[str, npt.NDArray[Any]]

# Bits of a level's analysis by its first token. What level 0 gets wrong the others cannot mend, and
# they pay for it; a file of 192 bytes has some 200 tokens, one of 384 nearly 400.
LEVEL_BITS = {0: 8, 1: 6, 240: 5, 360: 4}
PLANE_BITS = 3

# A column of the basis counts as mirrored if what it lacks to that adds no more to a component,
# about as much as 8 bits do.
MIRROR_ERROR = 0.003

_PEAKS = torch.tensor([1, 0.9, 0.8, 0.7, 0.6, 0.5])  # of a row, that the largest value may have
_PLANE_TOP = 2.7  # the largest value of a column, in standard deviations


def level_bits(first_token: int) -> int:
    """Bits of a number in the analysis of a level."""
    return [bits for start, bits in LEVEL_BITS.items() if start <= first_token][-1]


def pack_curved(values: npt.NDArray[np.int8], covariance: Tensor, bits: int) -> Arrays:
    """A matrix in 8 bits [R, C], less its scale, that reads rows of a covariance [R, R]."""
    points = curve(bits)
    tops = np.zeros(len(values), np.uint8)

    def nearest(row: int, wanted: Tensor) -> tuple[Tensor, Tensor]:
        found = (wanted.abs().max() * _PEAKS).ceil().clamp(1, 128)
        tables = stretched(points, found).float()
        middles = (tables[:, 1:] + tables[:, :-1]) / 2
        codes = torch.searchsorted(middles, wanted.expand(len(found), -1).contiguous())
        drawn = tables.gather(1, codes)
        best = int((drawn - wanted).square().sum(1).argmin())
        tops[row] = int(found[best])
        return codes[best], drawn[best]

    codes = round_rows(torch.from_numpy(values).float(), compensation(covariance), nearest)
    return {"codes": pack_codes(codes, bits), "curve": _int8(points), "tops": tops}


def pack_mirrored(
    analysis: Tensor, basis: npt.NDArray[np.int8], scale: npt.NDArray[Any], covariance: Tensor
) -> Arrays:
    """The analysis of planes [6144, Z] as what it has beyond a basis in 8 bits, in its scale [Z].

    covariance: of the planes [6144, 6144].
    """
    left, right = _halves()
    steps = torch.from_numpy(scale.astype(np.float32))
    base = torch.from_numpy(basis).float()
    beyond = analysis / steps - base
    sign = (base[left] * base[right]).sum(0).sign()
    mirror = torch.where(_mirror_error(beyond, sign, covariance) * steps > MIRROR_ERROR, 0, sign)
    points = curve(PLANE_BITS)
    tops = torch.ones(len(steps), dtype=torch.int32)
    codes = torch.zeros(2, len(left), len(steps), dtype=torch.uint8)
    for own in (1, -1, 0):
        columns = (mirror == own).nonzero()[:, 0]
        if len(columns) == 0:
            continue
        mine = base[:, columns]
        if own:  # both halves of x at once, the right one as it is seen in the mirror
            target = (beyond[left][:, columns] + own * beyond[right][:, columns]) / 2
            spread = covariance[left][:, left] + covariance[right][:, right]
            spread = spread + own * (covariance[left][:, right] + covariance[right][:, left])
            bounds = torch.stack([mine[left], own * mine[right]])
        else:
            target, spread, bounds = beyond[:, columns], covariance, mine[None]
        tops[columns] = (_PLANE_TOP * target.std(0)).round().clamp(1, 128).int()
        tables = stretched(points, tops[columns]).T.float()
        rounder = _Bounded(tables, bounds.amin(0), bounds.amax(0))
        found = round_rows(target, compensation(spread), rounder)
        codes[0][:, columns] = found if own else found[left]
        if not own:
            codes[1][:, columns] = found[right]
    return {
        "left": pack_codes(codes[0], PLANE_BITS),
        "right": pack_codes(codes[1][:, mirror == 0], PLANE_BITS),
        "curve": _int8(points),
        "tops": tops.numpy().astype(np.uint8),
        "mirror": _int8(mirror),
    }


class _Bounded:
    """The nearest value of a column's table [n, C] that leaves the sum with a basis in 8 bits.

    least, most: of the basis [R, C] where the value is added.
    """

    def __init__(self, tables: Tensor, least: Tensor, most: Tensor) -> None:
        self.tables, self.least, self.most = tables, least, most

    def __call__(self, row: int, wanted: Tensor) -> tuple[Tensor, Tensor]:
        fits = (self.most[row] + self.tables <= 127) & (self.least[row] + self.tables >= -127)
        distance = torch.where(fits, (self.tables - wanted).abs(), torch.inf)
        codes = distance.argmin(0)
        return codes, self.tables.gather(0, codes[None])[0]


def _mirror_error(beyond: Tensor, sign: Tensor, covariance: Tensor) -> Tensor:
    """What it does to components [Z] if a matrix [6144, Z] is made even or odd."""
    left, right = _halves()
    change = torch.zeros_like(beyond)
    change[left] = (beyond[left] - sign * beyond[right]) / 2
    change[right] = -sign * change[left]
    return (change * (covariance @ change)).sum(0).clamp_min(0).sqrt()


def _halves() -> tuple[Tensor, Tensor]:
    """Of every pair of samples that mirror each other, the left ones and the right ones, [3072]."""
    left, right, start = [], [], 0
    for side in (LUMA, CHROMA, CHROMA):
        places = start + torch.arange(side * side).reshape(side, side)
        left.append(places[:, : side // 2].flatten())
        right.append(places.flip(1)[:, : side // 2].flatten())
        start += side * side
    return torch.cat(left), torch.cat(right)


def pack_codes(codes: Tensor, bits: int) -> npt.NDArray[np.uint8]:
    """Codes [R, C] of so many bits -> [R, bytes], as stc/codec/packing.py reads them."""
    array, pieces, left = codes.numpy(), [], bits
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


def _int8(tensor: Tensor) -> npt.NDArray[np.int8]:
    return tensor.numpy().astype(np.int8)
