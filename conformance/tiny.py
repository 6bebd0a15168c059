"""Two small models for the vectors: all ways to store a matrix, and unusual sizes.

    tiny-packed  three groups, a level that they share, a level of one codeword, tokens of zero
                 dimensions, 139 tokens, codes of 3, 4, 5, 6 and 7 bits, a mirrored basis
    tiny-plain   one group, 300 codewords, matrices in 8 bits, codes of 1 and 2 bits

Their pictures show no faces. They change only with the specification.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from conformance.numbers import Numbers
from stc.codec.layers import decoder_names
from stc.codec.model_file import ModelFile, save_model

Array = npt.NDArray[Any]
Arrays = dict[str, Array]

WIDTHS = [11, 7, 5, 3]  # channels at 8x8, 16x16, 32x32 and 64x64 positions
CONDITION = 4
LUMA, CHROMA = 64, 32


def save_packed(path: Path) -> ModelFile:
    """Write tiny-packed."""
    numbers = Numbers(1)
    arrays: Arrays = {"groups.counts": numbers.rows(3)}
    basis = _waves(14)
    left = np.concatenate([_left(plane) for plane in _planes(basis)])
    odd = (np.arange(14) % 4) % 2 == 1
    arrays["basis.mirror"] = np.where(odd, -1, 1).astype(np.int8)
    arrays["basis.first"] = np.rint(left[:, :4] * 127).astype(np.int8)
    curve = np.rint(127 * np.sin(np.linspace(-1.5, 1.5, 32))).astype(np.int8)
    tops = 96 + np.arange(len(left)) % 33
    drawn = (curve[None].astype(int) * tops[:, None] + 64) // 128
    codes = np.abs(drawn[:, None] - 90 * left[:, 4:, None]).argmin(2)
    arrays |= {"basis.curve": curve, "basis.tops": tops.astype(np.uint8)}
    arrays["basis.codes"] = _packed(codes, 5)
    arrays["basis.scale"] = numbers.halves(5e-4, 1e-3, 14)
    levels = [
        _level(numbers, 0, components=10, groups=3, codewords=7, widths=[2, 1, 3, 0, 2]),
        _level(numbers, 1, components=14, groups=3, codewords=1, widths=[1, 1, 0, 2]),
        _level(numbers, 2, components=12, groups=1, codewords=4, widths=[1, 0] * 65),
    ]
    arrays |= {name: array for own, _ in levels for name, array in own.items()}
    _pack(numbers, arrays, "levels.0.codebooks", bits=7)
    _pack(numbers, arrays, "levels.0.synthesis", bits=5, first=2)
    _pack(numbers, arrays, "levels.1.synthesis", bits=6)
    _pack(numbers, arrays, "levels.2.codebooks", bits=3, first=3)
    _pack(numbers, arrays, "levels.2.synthesis", bits=4)
    return _saved(path, numbers, arrays, [sizes for _, sizes in levels], 3)


def save_plain(path: Path) -> ModelFile:
    """Write tiny-plain."""
    numbers = Numbers(2)
    arrays: Arrays = {"groups.counts": numbers.rows(1)}
    arrays["basis"] = np.rint(_waves(9) * 100).astype(np.int8)
    arrays["basis.scale"] = numbers.halves(5e-4, 1e-3, 9)
    levels = [
        _level(numbers, 0, components=9, groups=1, codewords=300, widths=[3, 0, 4]),
        _level(numbers, 1, components=5, groups=1, codewords=2, widths=[2, 1, 3]),
    ]
    arrays |= {name: array for own, _ in levels for name, array in own.items()}
    _pack(numbers, arrays, "levels.1.codebooks", bits=2)
    _pack(numbers, arrays, "levels.1.synthesis", bits=1)
    return _saved(path, numbers, arrays, [sizes for _, sizes in levels], 1)


def _level(
    numbers: Numbers, number: int, components: int, groups: int, codewords: int, widths: list[int]
) -> tuple[Arrays, list[int]]:
    """The arrays of a level, its matrices in 8 bits, and its line of the configuration."""
    tokens, columns = len(widths), sum(widths)
    counts = numbers.rows(groups, tokens, codewords)
    arrays: Arrays = {
        # The frequency of a single codeword is 2^16, which does not fit into 16 bits.
        "counts": counts.astype(np.uint16 if codewords > 1 else np.uint32),
        "widths": np.array(widths, np.uint8),
        "codebooks": numbers.integers(-127, 127, groups, codewords, columns).astype(np.int8),
        "codebooks.scale": numbers.halves(0.005, 0.015, columns),
        "synthesis": numbers.integers(-127, 127, components, columns).astype(np.int8),
        "synthesis.scale": numbers.halves(0.005, 0.015, columns) / np.float16(math.sqrt(columns)),
    }
    named = {f"levels.{number}.{word}": array for word, array in arrays.items()}
    return named, [components, tokens, codewords, max(widths)]


def _pack(numbers: Numbers, arrays: Arrays, name: str, bits: int, first: int = 0) -> None:
    """Replace a matrix in 8 bits by random codes, curve and row tops."""
    plain = arrays.pop(name)
    *rows, columns = plain.shape
    codes = numbers.integers(0, (1 << bits) - 1, *rows, columns - first)
    arrays[f"{name}.codes"] = _packed(codes, bits)
    arrays[f"{name}.curve"] = np.sort(numbers.integers(-128, 127, 1 << bits)).astype(np.int8)
    arrays[f"{name}.tops"] = numbers.integers(0, 128, *rows).astype(np.uint8)
    if first:
        arrays[f"{name}.first"] = plain[..., :first].copy()


def _packed(codes: Array, bits: int) -> Array:
    """Pack codes [..., n] bit by bit into bytes [..., B], as the specification defines."""
    pieces, left, size = [], bits, codes.shape[-1]
    for width in (4, 2, 1):
        if not bits & width:
            continue
        left -= width
        length = -(-size * width // 8)
        piece = np.zeros((*codes.shape[:-1], length), np.uint8)
        for column in range(size):
            part = codes[..., column] >> left & (1 << width) - 1
            piece[..., column % length] |= (part << width * (column // length)).astype(np.uint8)
        pieces.append(piece)
    return np.concatenate(pieces, -1)


def _waves(number: int) -> Array:
    """A basis of cosines, -1 to 1, [6144, number]; column c is odd under the mirror for odd c."""
    columns = []
    for column in range(number):
        across, down = column % 4, column // 4 + column % 3
        planes = []
        for side, sign in ((LUMA, 1), (CHROMA, 0.5 if column % 2 else -0.5), (CHROMA, 0.4)):
            places = (np.arange(side) + 0.5) * (math.pi / side)
            planes.append(sign * np.outer(np.cos(down * places), np.cos(across * places)).ravel())
        columns.append(np.concatenate(planes))
    return np.stack(columns, 1)


def _planes(basis: Array) -> list[Array]:
    luma, blue, red = np.split(basis, [LUMA**2, LUMA**2 + CHROMA**2])
    return [
        luma.reshape(LUMA, LUMA, -1),
        blue.reshape(CHROMA, CHROMA, -1),
        red.reshape(CHROMA, CHROMA, -1),
    ]


def _left(plane: Array) -> Array:
    side, _, columns = plane.shape
    return plane[:, : side // 2].reshape(-1, columns)


def _saved(
    path: Path, numbers: Numbers, arrays: Arrays, levels: list[list[int]], groups: int
) -> ModelFile:
    """Add mean, network and configuration, and write the model file."""
    rows = np.arange(LUMA)[:, None] + np.arange(LUMA)
    chroma = np.arange(CHROMA)[:, None] - np.arange(CHROMA)
    mean = [rows.ravel() / 256 + 0.25, chroma.ravel() / 512, -chroma.ravel() / 400]
    arrays["mean"] = np.concatenate(mean).astype(np.float16)
    for name, shape in decoder_names([*WIDTHS, CONDITION]).items():
        if len(shape) > 1:
            arrays[name] = numbers.integers(-127, 127, *shape).astype(np.int8)
            # The network's output is small, like that of a trained one.
            size = (0.05 if "leave" in name else 1) / (80 * math.sqrt(np.prod(shape[:-1])))
            arrays[f"{name}.scale"] = numbers.halves(0.7 * size, 1.3 * size, shape[-1])
        elif name.endswith(".bias"):
            arrays[name] = numbers.halves(-0.2, 0.2, *shape)
        elif "norm" in name:
            arrays[name] = numbers.halves(0.5, 1.5, *shape)
    arrays["decoder.leave.bias"] = arrays["decoder.leave.bias"] / np.float16(8)
    config = {"groups": groups, "levels": levels, "widths": WIDTHS}
    arrays["config"] = np.frombuffer(json.dumps(config, sort_keys=True).encode(), np.uint8)
    return save_model(path, path.stem, arrays)
