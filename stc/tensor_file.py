"""Read headers of safetensors files, and write such files, with the standard library only.

A file consists of the header length in eight bytes, a JSON header with the name, type, shape and
position of every array, and the arrays. Files may come from untrusted sources, so every value of
the header is checked before memory is allocated. The library `safetensors` reads the same files,
but importing it takes longer than decoding a face.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_HEADER = 1 << 20  # bytes; a model's header has some ten thousand
ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
ITEM_SIZES = {"I8": 1, "U8": 1, "F16": 2, "U16": 2, "F32": 4, "I32": 4, "U32": 4}

_NAME = re.compile(r"[A-Za-z0-9_.]+")


@dataclass(frozen=True)
class Entry:
    """One array of a file: safetensors type, shape, and its byte range [start, end)."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Tensor:
    """One array to be written; `data` has its elements in C order, little-endian."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes


def read_header(path: Path) -> tuple[dict[str, Entry], dict[str, str]]:
    """Return the arrays of a safetensors file by name, and its metadata.

    Raises ValueError if the file is not valid: the arrays must fill it without holes or overlaps,
    and the length of each must match its type and shape.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        start = 8 + length
        if size < 8 or length > MAX_HEADER or start > size:
            raise ValueError(f"{size} bytes cannot hold a header of {length}")
        header = parse_object(_text(file.read(length)))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("the metadata is not a map of strings")
    entries = {name: _entry(name, raw, start) for name, raw in header.items()}
    for entry in sorted(entries.values(), key=lambda e: (e.start, e.end)):
        if entry.start != start:
            raise ValueError(f"arrays overlap or leave a hole at byte {start}")
        start = entry.end
    if start != size:
        raise ValueError(f"the arrays end at byte {start}, the file at {size}")
    return entries, metadata


def write_file(path: Path, tensors: Sequence[Tensor], metadata: dict[str, str]) -> None:
    """Write arrays to a file in the given order; the file is replaced atomically.

    Spaces after the header make the file's length a multiple of `ALIGNMENT`. So an array is aligned
    if its length and those of all later arrays are multiples of `ALIGNMENT`.
    """
    header: dict[str, object] = {"__metadata__": metadata}
    end = 0
    for tensor in tensors:
        start, end = end, end + len(tensor.data)
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text) + end) % ALIGNMENT)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for tensor in tensors:
                file.write(tensor.data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _entry(name: str, raw: Any, base: int) -> Entry:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name for an array")
    if not isinstance(raw, dict) or raw.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"the entry of {name} must have exactly dtype, shape and data_offsets")
    dtype, shape, offsets = raw["dtype"], raw["shape"], raw["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_SIZES:
        raise ValueError(f"{name} has the type {dtype!r}")
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"{name} has a shape or offsets that are not valid integers")
    first, last = offsets
    if last - first != math.prod(shape) * ITEM_SIZES[dtype]:
        raise ValueError(f"{name} has {last - first} bytes, which do not match its shape {shape}")
    return Entry(dtype, tuple(shape), base + first, base + last)


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 1 << 48 for v in values)


def _text(header: bytes) -> str:
    """Decode strict UTF-8: Python's JSON parser would also accept UTF-16 or a byte-order mark."""
    if not header.startswith(b"{"):
        raise ValueError("the header does not begin with a brace")
    return header.decode()


def parse_object(text: str) -> dict[str, Any]:
    """Parse a JSON object, and return it as a dict.

    Raises ValueError for other JSON values, for integers with a minus sign, and for objects with
    two members of the same name.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("the header is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("the header is not a JSON object")
    return value


def _whole(digits: str) -> int:
    if digits.startswith("-"):  # -0 is an integer for some parsers, and a float for others
        raise ValueError(f"the header has the negative number {digits[:20]}")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the header names a member twice")
    return found
