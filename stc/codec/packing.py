"""Matrices that only an encoder reads, in fewer than eight bits a number -> matrices in 8 bits.

A matrix is stored as codes and a curve, the value of each code, which is steeper towards its ends,
where few numbers are. docs/model-file.md has the layout, stc/lab/training/packing.py writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.codec.matrix import Matrix
from stc.codec.planes import CHROMA, LUMA, PLANES

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int8]

_SHIFT = 7  # of a value of the curve times the largest value; both are at most 128
_BLOCK = 128  # rows at a time, which stay in the cache


def unpack_curved(array: Callable[[str], npt.NDArray[Any]]) -> Matrix:
    """The matrix of `codes` [R, bytes], `curve` [2^bits], `tops` [R] and `scale` [C].

    array: reads an array of the matrix by the last word of its name. Raises ValueError for arrays
    that do not fit together.
    """
    codes, curve, tops = array("codes"), array("curve"), array("tops")
    scale = array("scale").astype(np.float32)
    if tops.shape != codes.shape[:1]:
        raise ValueError(f"{len(codes)} rows and {tops.size} largest values")
    values = np.empty((len(codes), len(scale)), np.int8)
    for row in range(0, len(codes), _BLOCK):
        own = slice(row, row + _BLOCK)
        found = unpack_codes(codes[own], curve, len(scale))
        values[own] = _times(found, tops[own, None])
    return Matrix(values, scale)


def unpack_mirrored(array: Callable[[str], npt.NDArray[Any]], basis: Matrix) -> Matrix:
    """The matrix [6144, Z] of a basis of planes and what is added to it.

    `left` [3072, bytes] has the codes of the left half of every plane. In columns whose `mirror`
    [Z] is 1 or -1 the right half is the left one's reflection, times that; `right` [3072, bytes]
    has the right half of the others, whose mirror is 0. All times `tops` [Z]. Raises ValueError
    for arrays that do not fit together.
    """
    curve, tops, mirror = array("curve"), array("tops"), array("mirror")
    left, right = array("left"), array("right")
    columns = basis.values.shape[1]
    if basis.values.shape[0] != PLANES or not len(left) == len(right) == PLANES // 2:
        raise ValueError(f"{len(left)} and {len(right)} rows are not the halves of {PLANES}")
    if not tops.shape == mirror.shape == (columns,):
        raise ValueError(f"{tops.size} largest values, {mirror.size} mirrors, {columns} columns")
    free = np.flatnonzero(mirror == 0)
    values, start = basis.values.copy(), 0
    for plane in _planes(values):
        half = plane.shape[1] // 2
        for rows in np.split(plane, len(plane) * half // _BLOCK):
            own, shape = slice(start, start + _BLOCK), (-1, half, columns)
            added = _times(unpack_codes(left[own], curve, columns), tops)
            rows[:, :half] += added.reshape(shape)
            added *= mirror
            if len(free):
                added[:, free] = _times(unpack_codes(right[own], curve, len(free)), tops[free])
            rows[:, half:][:, ::-1] += added.reshape(shape)
            start += _BLOCK
    return Matrix(values, basis.scale)


def unpack_codes(packed: Bytes, curve: Ints, columns: int) -> Ints:
    """Packed codes [R, bytes] -> what the curve [2^bits] gives for each, [R, columns].

    A code of b bits is stored in pieces of 4, 2 and 1 bits, as many as are in b, the high ones
    first. In the bytes of a piece the first columns have the lowest bits, the next columns those
    above them, and so on.
    """
    bits = len(curve).bit_length() - 1
    if len(curve) != 1 << bits or not 1 <= bits <= 7:
        raise ValueError(f"a curve of {len(curve)} values")
    sizes = {width: -(-columns * width // 8) for width in (4, 2, 1) if bits & width}
    if packed.ndim != 2 or packed.shape[1] != sum(sizes.values()):
        raise ValueError(f"codes {list(packed.shape)} for {columns} columns of {bits} bits")
    codes, start = np.zeros((len(packed), columns), np.uint8), 0
    for width, size in sizes.items():
        piece = packed[:, start : start + size]
        start += size
        codes <<= width
        for shift in range(0, 8, width):
            own = codes[:, shift // width * size :][:, :size]
            own |= piece[:, : own.shape[1]] >> shift & (1 << width) - 1
    table = curve.tobytes().ljust(256, b"\0")
    return np.frombuffer(codes.tobytes().translate(table), np.int8).reshape(codes.shape)


def _times(values: Ints, tops: Bytes) -> Ints:
    """Values of a curve, -127 to 127, times the largest value that they stand for / 127."""
    product = values.astype(np.int16) * tops.astype(np.int16)
    return ((product + (1 << _SHIFT - 1)) >> _SHIFT).astype(np.int8)


def _planes(values: Ints) -> list[Ints]:
    """Views of a matrix [6144, Z] as luma, Cb and Cr: [rows, columns, Z] each."""
    luma, blue, red = np.split(values, [LUMA**2, LUMA**2 + CHROMA**2])
    return [
        luma.reshape(LUMA, LUMA, -1),
        blue.reshape(CHROMA, CHROMA, -1),
        red.reshape(CHROMA, CHROMA, -1),
    ]
