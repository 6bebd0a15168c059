"""Matrices in fewer than eight bits a number -> matrices in 8 bits.

A matrix is stored as codes and a curve, the value of each code, which is steeper towards its ends,
where few numbers are. conformance/model-file.md has the layout, stc/lab/training/packing.py writes
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.codec.matrix import Matrix
from stc.codec.planes import CHROMA, LUMA, PLANES
from stc.native.choice import choose
from stc.native.library import function

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int8]

_SHIFT = 7  # of a value of the curve times the largest value; both are at most 128


def unpack(array: Callable[[str], npt.NDArray[Any]], words: set[str]) -> Matrix:
    """The matrix [R, C] of the arrays that `words` names, the last words of their names.

    `codes` [R, bytes] are of the columns that `first` [R, n], in 8 bits, leaves over, or of all;
    `curve` [2^bits], `tops` [R] and `scale` [C] say what they stand for. `mirror` [C] makes planes
    of their left halves. Leading axes count as one. Raises ValueError for arrays that do not fit
    together.
    """
    scale = array("scale").astype(np.float32)
    codes, curve = array("codes"), array("curve")
    codes, tops = codes.reshape(-1, codes.shape[-1]), array("tops").ravel()
    if tops.shape != codes.shape[:1]:
        raise ValueError(f"{len(codes)} rows and {tops.size} largest values")
    strong = array("first").reshape(len(codes), -1) if "first" in words else None
    mirror = array("mirror") if "mirror" in words else None
    if mirror is not None and (2 * len(codes) != PLANES or mirror.shape != scale.shape):
        raise ValueError(f"{len(codes)} rows are not half of {PLANES}, or {mirror.size} mirrors")
    coded = len(scale) - (0 if strong is None else strong.shape[1])
    check_codes(codes, _bits(curve), coded)
    values = np.empty(((1 if mirror is None else 2) * len(codes), len(scale)), np.int8)
    run = _native if choose() == "native" else _portable
    run(values, codes, curve, tops, strong, mirror)
    return Matrix(values, scale)


def _native(
    values: Ints, codes: Bytes, curve: Ints, tops: Bytes, strong: Ints | None, mirror: Ints | None
) -> None:
    """Unpack into values; some times as fast."""
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
    """Unpack into values."""
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
    """Packed codes [R, bytes] -> values [R, columns], whose largest in every row is tops [R]."""
    codes = unpack_digits(packed, _bits(curve), columns)
    tables = (curve * tops[:, None].astype(np.int16) + (1 << _SHIFT - 1)) >> _SHIFT
    return np.take_along_axis(tables.astype(np.int8), codes.astype(np.intp), 1)


def unpack_codes(packed: Bytes, curve: Ints, columns: int) -> Ints:
    """Packed codes [R, bytes] -> what the curve [2^bits] gives for each, [R, columns]."""
    codes = unpack_digits(packed, _bits(curve), columns)
    table = curve.tobytes().ljust(256, b"\0")
    return np.frombuffer(codes.tobytes().translate(table), np.int8).reshape(codes.shape)


def unpack_digits(packed: Bytes, bits: int, columns: int) -> Bytes:
    """Packed codes [R, bytes] -> codes [R, columns].

    A code of b bits is stored in pieces of 4, 2 and 1 bits, as many as are in b, the high ones
    first. In the bytes of a piece the first columns have the lowest bits, the next columns those
    above them, and so on.
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
    """The bytes of a row's pieces by their widths. Raises ValueError for codes of another size."""
    sizes = {width: -(-columns * width // 8) for width in (4, 2, 1) if bits & width}
    if columns < 1 or packed.ndim != 2 or packed.shape[1] != sum(sizes.values()):
        raise ValueError(f"codes {list(packed.shape)} for {columns} columns of {bits} bits")
    return sizes


def halves(values: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Views of a matrix [6144, C] as left and right halves of luma, Cb and Cr.

    [rows, columns, C] each; the right ones go from the edge inwards, as the left ones do.
    """
    luma, blue, red = np.split(values, [LUMA**2, LUMA**2 + CHROMA**2])
    for plane, side in ((luma, LUMA), (blue, CHROMA), (red, CHROMA)):
        square = plane.reshape(side, side, -1)
        yield square[:, : side // 2], square[:, side // 2 :][:, ::-1]


def _bits(curve: Ints) -> int:
    bits = len(curve).bit_length() - 1
    if len(curve) != 1 << bits or not 1 <= bits <= 7:
        raise ValueError(f"a curve of {len(curve)} values")
    return bits
