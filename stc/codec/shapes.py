"""What the arrays of a model must be like, checked by its header before any of them is read.

The network's layers are in stc/codec/layers.py, and are checked when a core is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stc.tensor_file import Entry

PLANES = 64 * 64 + 2 * 32 * 32  # as in stc/codec/planes.py, which brings numpy
MAX_TOKENS = 32767  # the count of a .stc file has 15 bits

Entries = Mapping[str, Entry]


def level_number(entries: Entries) -> int:
    """How many levels a model has: those of the counts, from level 0 on without a hole."""
    number = 0
    while f"levels.{number}.counts" in entries:
        number += 1
    return number


def check_shapes(entries: Entries) -> None:
    """Raise ValueError unless tables, codebooks and linear transforms fit together.

    What only an encoder reads may be missing.
    """
    _check(entries, "config", "U8", None)
    (groups,) = _check(entries, "groups.counts", "U32", None)
    _check(entries, "mean", "F16", PLANES)
    _, components = _check_matrix(entries, "basis", PLANES, None)
    if "encoder.analysis.left" in entries:
        _check(entries, "encoder.analysis.left", "U8", PLANES // 2, None)
    elif "encoder.analysis" in entries:
        _check_matrix(entries, "encoder.analysis", PLANES, components)
    tokens = 0
    for number in range(level_number(entries)):
        tokens += _check_level(entries, number, groups, components)
    if not 1 <= tokens <= MAX_TOKENS:
        raise ValueError(f"it has {tokens} tokens, not 1 to {MAX_TOKENS}")


def _check_level(entries: Entries, number: int, groups: int, components: int) -> int:
    """Check one level -> its number of tokens."""
    level = f"levels.{number}"
    _, tokens, codewords = _check(entries, f"{level}.counts", "U32", groups, None, None)
    _check(entries, f"{level}.widths", "U8", tokens)
    read, columns = _check_matrix(entries, f"{level}.synthesis", None, None)
    _check(entries, f"{level}.codebooks", "I8", groups, codewords, columns)
    _check(entries, f"{level}.codebooks.scale", "F16", columns)
    if read > components:
        raise ValueError(f"{level} refines {read} components of {components}")
    analysis = f"encoder.{level}.analysis"
    if f"{analysis}.codes" in entries:
        _check(entries, f"{analysis}.codes", "U8", read, None)
        _check(entries, f"{analysis}.scale", "F16", columns)
    elif analysis in entries:
        _check_matrix(entries, analysis, read, columns)
    if f"encoder.{level}.price" in entries:
        _check(entries, f"encoder.{level}.price", "F32", 1)
    return tokens


def check_config(config: Any, entries: Entries) -> None:
    """Raise ValueError unless a configuration says what the shapes say."""
    names = [f"levels.{number}" for number in range(level_number(entries))]
    shapes = [
        [entries[f"{name}.synthesis"].shape[0], *entries[f"{name}.counts"].shape[1:]]
        for name in names
    ]
    try:
        groups, levels, widths = config["groups"], config["levels"], config["widths"]
        agrees = groups == entries["groups.counts"].shape[0] and shapes == [x[:3] for x in levels]
        dimensions, sizes = [x[3] for x in levels], list(widths)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("its configuration lacks groups, levels or widths") from error
    if not agrees:
        raise ValueError(f"its configuration says {levels}, its arrays {shapes}")
    if len(sizes) != 4 or not all(type(x) is int and 0 < x < 1 << 16 for x in sizes + dimensions):
        raise ValueError(f"its configuration has the widths {sizes}, the dimensions {dimensions}")


def _check_matrix(entries: Entries, name: str, rows: int | None, columns: int | None) -> Any:
    """Check a matrix in 8 bits and its scales -> its shape."""
    shape = _check(entries, name, "I8", rows, columns)
    _check(entries, f"{name}.scale", "F16", shape[1])
    return shape


def _check(entries: Entries, name: str, dtype: str, *sizes: int | None) -> tuple[int, ...]:
    """Check type and shape of one array, None being any size but 0 -> its shape."""
    entry = entries.get(name)
    if entry is None:
        raise ValueError(f"it has no array {name}")
    pairs = zip(entry.shape, sizes, strict=False)
    fits = len(entry.shape) == len(sizes) and all(n == (n if s is None else s) for n, s in pairs)
    if entry.dtype != dtype or not fits or 0 in entry.shape:
        wanted = ["any" if size is None else size for size in sizes]
        raise ValueError(f"{name} is {entry.dtype} {list(entry.shape)}, not {dtype} {wanted}")
    return entry.shape
