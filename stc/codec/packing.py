"""Unpack matrices with fewer than eight bits per number to matrices of 8-bit numbers.

A matrix is stored as codes and a curve, which has the value of each code. The curve is steeper
towards its ends, where numbers are rare. conformance/model-file.md describes the layout;
stc/lab/training/packing.py writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.codec.matrix import Matrix
from stc.codec.planes import CHROMA, LUMA, PLANES
from stc.codec.shapes import MAX_BITS, piece_sizes
from stc.native.choice import choose
from stc.native.library import function

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int8]

_SHIFT = 7  # applied to a curve value times the row's largest value; both are at most 128


def unpack(array: Callable[[str], npt.NDArray[Any]], words: set[str]) -> Matrix:
    """Unpack a matrix [R, C].

    array: returns an array of the matrix by the last word of its name. words: the existing ones.
    `first` [R, n], optional, has the first n columns in 8 bits. `codes` [R, bytes] has the codes of
    the other columns, or of all. `curve` [2^bits] maps codes to values, `tops` [R] is the largest
    value of each row, `scale` [C] the scale of each column. `mirror` [C], optional, is the sign by
    which the right halves of planes follow from the left ones, which alone are stored then. All
    axes but the last are merged into the rows.

    Raises ValueError for arrays that do not fit together.
    """
    scale = array("scale").astype(np.float32)
    codes, curve = array("codes"), array("curve")
    codes, tops = codes.reshape(-1, codes.shape[-1]), array("tops").ravel()
    if tops.shape != codes.shape[:1]:
        raise ValueError(f"{len(codes)} rows of codes, but {tops.size} largest values")
    strong = array("first").reshape(len(codes), -1) if "first" in words else None
    mirror = array("mirror") if "mirror" in words else None
    if mirror is not None and (2 * len(codes) != PLANES or mirror.shape != scale.shape):
        raise ValueError(
            f"with mirrors there must be {PLANES // 2} rows and {len(scale)} mirrors, "
            f"not {len(codes)} and {mirror.size}"
        )
    coded = len(scale) - (0 if strong is None else strong.shape[1])
    check_codes(codes, _bits(curve), coded)
    values = np.empty(((1 if mirror is None else 2) * len(codes), len(scale)), np.int8)
    run = _native if choose() == "native" else _portable
    run(values, codes, curve, tops, strong, mirror)
    return Matrix(values, scale)


def _native(
    values: Ints, codes: Bytes, curve: Ints, tops: Bytes, strong: Ints | None, mirror: Ints | None
) -> None:
    """Unpack into `values`, several times as fast as `_portable`."""
    arrays = [np.ascontiguousarray(own) for own in (codes, curve, tops)]
    others = [None if own is None else np.ascontiguousarray(own) for own in (strong, mirror)]
    function("stc_unpack")(
        *(own.ctypes.data for own in arrays),
        *(None if own is None else own.ctypes.data for own in others),
        *(len(codes), values.shape[1], 0 if strong is None else strong.shape[1], _bits(curve)),
        values.ctypes.data,
    )


def _portable(
    values: Ints, codes: Bytes, curve: Ints, tops: Bytes, strong: Ints | None, mirror: Ints | None
) -> None:
    """Unpack into `values`, in numpy."""
    left = unpack_rows(
        codes, curve, tops, values.shape[1] - (strong.shape[1] if strong is not None else 0)
    )
    if strong is not None:
        left = np.concatenate([strong, left], 1)
    if mirror is None:
        values[:] = left
        return
    start = 0
    for lefts, rights in halves(values):
        size = lefts.shape[0] * lefts.shape[1]
        lefts[:] = left[start : start + size].reshape(lefts.shape)
        np.multiply(lefts, mirror, out=rights)
        start += size


def unpack_rows(packed: Bytes, curve: Ints, tops: Bytes, columns: int) -> Ints:
    """Unpack codes [R, bytes] to values int8 [R, columns]; tops [R]: largest value of each row.

    Raises ValueError for codes or a curve of another size.
    """
    codes = unpack_digits(packed, _bits(curve), columns)
    tables = (curve * tops[:, None].astype(np.int16) + (1 << _SHIFT - 1)) >> _SHIFT
    return np.take_along_axis(tables.astype(np.int8), codes.astype(np.intp), 1)


def unpack_digits(packed: Bytes, bits: int, columns: int) -> Bytes:
    """Unpack codes [R, bytes] to one code per byte, uint8 [R, columns].

    A code of `bits` bits is stored in pieces of 4, 2 and 1 bits, the binary digits of `bits`, with
    the high bits of the code first. In the bytes of a piece the first columns have the lowest bits,
    the next columns the bits above them, and so on. Raises ValueError for codes of another size.
    """
    sizes = check_codes(packed, bits, columns)
    codes, start = np.zeros((len(packed), columns), np.uint8), 0
    for width, size in sizes.items():
        piece = packed[:, start : start + size]
        start += size
        codes <<= width
        for shift in range(0, 8, width):
            own = codes[:, shift // width * size :][:, :size]
            own |= piece[:, : own.shape[1]] >> shift & (1 << width) - 1
    return codes


def check_codes(packed: Bytes, bits: int, columns: int) -> dict[int, int]:
    """Return `piece_sizes` of a row of codes.

    Raises ValueError if the shape of packed [R, bytes] does not match.
    """
    sizes = piece_sizes(columns, bits)
    if columns < 1 or packed.ndim != 2 or packed.shape[1] != sum(sizes.values()):
        raise ValueError(f"codes {list(packed.shape)} for {columns} columns of {bits} bits")
    return sizes


def halves(values: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield the left and the right halves of luma, Cb and Cr as views of a matrix [6144, C].

    Each half is [rows, columns, C]. Columns run from the outer edge inwards, in both halves.
    """
    luma, blue, red = np.split(values, [LUMA**2, LUMA**2 + CHROMA**2])
    for plane, side in ((luma, LUMA), (blue, CHROMA), (red, CHROMA)):
        square = plane.reshape(side, side, -1)
        yield square[:, : side // 2], square[:, side // 2 :][:, ::-1]


def _bits(curve: Ints) -> int:
    bits = len(curve).bit_length() - 1
    if len(curve) != 1 << bits or not 1 <= bits <= MAX_BITS:
        raise ValueError(
            f"a curve must have 2 to {1 << MAX_BITS} values, a power of two, not {len(curve)}"
        )
    return bits
