"""Checks of the types and shapes in a model's header, made before any array is read.

The layers of the networks are in stc/codec/layers.py, and are checked when they are first used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stc.bitstream.header import MAX_TOKENS
from stc.tensor_file import Entry

PLANES = 64 * 64 + 2 * 32 * 32  # as in stc/codec/planes.py, which would import numpy
PACKED = ("codes", "curve", "tops", "scale", "first", "mirror")  # arrays of a packed matrix
MAX_BITS = 7  # bits of a code in a packed matrix

Entries = Mapping[str, Entry]
Shape = tuple[int, ...]


def level_number(entries: Entries) -> int:
    """Return the number of levels: consecutive levels from 0 with an array of frequencies."""
    number = 0
    while f"levels.{number}.counts" in entries:
        number += 1
    return number


def matrix_shape(entries: Entries, name: str) -> Shape:
    """Return the shape of a matrix, packed or not, that `check_shapes` has accepted."""
    if f"{name}.codes" not in entries:
        return entries[name].shape
    rows = entries[f"{name}.codes"].shape[:-1]
    if f"{name}.mirror" in entries:
        rows = (2 * rows[0],)
    return (*rows, *entries[f"{name}.scale"].shape)


def check_shapes(entries: Entries) -> None:
    """Raise ValueError unless tables, codebooks and linear transforms fit together.

    Arrays that only an encoder reads may be missing.
    """
    _check(entries, "config", "U8", None)
    (groups,) = _check(entries, "groups.counts", "U32", None)
    _check(entries, "mean", "F16", PLANES)
    _, components = _check_matrix(entries, "basis", PLANES, None)
    tokens = 0
    for number in range(level_number(entries)):
        tokens += _check_level(entries, number, groups, components)
    if not 1 <= tokens <= MAX_TOKENS:
        raise ValueError(f"it has {tokens} tokens, not 1 to {MAX_TOKENS}")


def _check_level(entries: Entries, number: int, groups: int, components: int) -> int:
    """Check one level; return its number of tokens."""
    level = f"levels.{number}"
    counts = f"{level}.counts"
    kind = "U16" if entries[counts].dtype == "U16" else "U32"
    own, tokens, codewords = _check(entries, counts, kind, None, None, None)
    if own not in (1, groups):
        raise ValueError(f"{level} has {own} groups, neither 1 nor the {groups} of the model")
    _check(entries, f"{level}.widths", "U8", tokens)
    read, columns = _check_matrix(entries, f"{level}.synthesis", None, None)
    _check_matrix(entries, f"{level}.codebooks", own, codewords, columns)
    if read > components:
        raise ValueError(f"{level} uses {read} components, the model has {components}")
    if f"encoder.{level}.price" in entries:
        _check(entries, f"encoder.{level}.price", "F32", 1)
    if f"encoder.{level}.metric" in entries:
        _check(entries, f"encoder.{level}.metric", "U8", 1)
        _check(entries, f"encoder.{level}.identity", "F32", 1)
    return tokens


def check_metric(entries: Entries, number: int, least: int) -> str:
    """Return the name of the array of metric `number`.

    Raises ValueError if there is none, or if it has fewer than `least` rows (components).
    """
    name = f"encoder.metrics.{number}"
    rows, _ = _check_matrix(entries, name, None, None)
    if rows < least:
        raise ValueError(f"{name} has {rows} rows for {least} components")
    return name


def piece_sizes(columns: int, bits: int) -> dict[int, int]:
    """Return the bytes of each piece of a row of codes, by the width of the piece in bits.

    A code of `bits` bits is stored in pieces of 4, 2 and 1 bits, the binary digits of `bits`.
    """
    return {width: -(-columns * width // 8) for width in (4, 2, 1) if bits & width}


def check_config(config: Any, entries: Entries) -> None:
    """Raise ValueError unless a parsed configuration agrees with the shapes of the arrays."""
    names = [f"levels.{number}" for number in range(level_number(entries))]
    shapes = [
        [matrix_shape(entries, f"{name}.synthesis")[0], *entries[f"{name}.counts"].shape[1:]]
        for name in names
    ]
    try:
        groups, levels, widths = config["groups"], config["levels"], config["widths"]
        agrees = groups == entries["groups.counts"].shape[0] and shapes == [x[:3] for x in levels]
        dimensions, sizes = [x[3] for x in levels], list(widths)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("its configuration lacks groups, levels or widths") from error
    if not agrees:
        raise ValueError(f"its configuration states levels {levels}, its arrays have {shapes}")
    if len(sizes) != 4 or not all(type(x) is int and 0 < x < 1 << 16 for x in sizes + dimensions):
        raise ValueError(f"its configuration has the widths {sizes}, the dimensions {dimensions}")


def _check_matrix(entries: Entries, name: str, *sizes: int | None) -> Shape:
    """Check a matrix, in 8 bits or packed; return its shape."""
    if f"{name}.codes" in entries:
        return _check_packed(entries, name, *sizes)
    shape = _check(entries, name, "I8", *sizes)
    _check(entries, f"{name}.scale", "F16", shape[-1])
    return shape


def _check_packed(entries: Entries, name: str, *sizes: int | None) -> Shape:
    """Check a packed matrix; return its shape."""
    *rows, wanted = sizes
    if f"{name}.mirror" in entries:
        if rows != [PLANES]:
            raise ValueError(f"{name} has a mirror, but is not a matrix of planes")
        rows = [PLANES // 2]
    *found, size = _check(entries, f"{name}.codes", "U8", *rows, None)
    (columns,) = _check(entries, f"{name}.scale", "F16", wanted)
    _check(entries, f"{name}.tops", "U8", *found)
    coded = columns
    if f"{name}.first" in entries:
        coded -= _check(entries, f"{name}.first", "I8", *found, None)[-1]
    (values,) = _check(entries, f"{name}.curve", "I8", None)
    bits = values.bit_length() - 1
    if values != 1 << bits or not 1 <= bits <= MAX_BITS:
        raise ValueError(f"{name} has a curve of {values} values")
    if coded < 1 or size != sum(piece_sizes(coded, bits).values()):
        raise ValueError(f"{name} has {size} bytes per row for {coded} codes of {bits} bits")
    if f"{name}.mirror" in entries:
        _check(entries, f"{name}.mirror", "I8", columns)
    return matrix_shape(entries, name)


def _check(entries: Entries, name: str, dtype: str, *sizes: int | None) -> Shape:
    """Check type and shape of one array; return its shape. None: any size except 0."""
    entry = entries.get(name)
    if entry is None:
        raise ValueError(f"it has no array {name}")
    pairs = zip(entry.shape, sizes, strict=False)
    fits = len(entry.shape) == len(sizes) and all(n == (n if s is None else s) for n, s in pairs)
    if entry.dtype != dtype or not fits or 0 in entry.shape:
        wanted = ["any" if size is None else size for size in sizes]
        raise ValueError(f"{name} is {entry.dtype} {list(entry.shape)}, not {dtype} {wanted}")
    return entry.shape
