"""Index files: opening one with its key, searching it, reading its records."""

from __future__ import annotations

import io
import random
import struct
from typing import Any

import numpy as np

from fuzz.target import Target
from fuzz.targets.records import KEY, template
from stc.errors import FormatError, WrongKeyError
from stc.protection import index_file as form
from stc.protection import protect
from stc.protection.index import RecordIndex
from stc.protection.index_file import CHECK, MIN_FILE, Header
from stc.protection.stream import Parameters

_FIELDS = struct.Struct("<4sB4sHHHHHIQ16s")
_SHAPE = 2, 3  # groups and their dimensions
_DIMENSIONS = 2  # of a sketch


def answer(data: bytes) -> Any:
    """Rough scores, and the scores and records of a search."""
    index = RecordIndex(io.BytesIO(data), KEY)
    parameters = Parameters(*_FIELDS.unpack_from(data)[3:7], data[5:9])
    query = template((parameters.groups, parameters.size), parameters.maker)
    rough = index.rough_scores([query])
    assert rough.shape == (1, len(index))  # noqa: S101
    found = index.search(query, 2)
    return rough.tobytes(), [(score, record.to_bytes()) for score, record in found]


def repair(data: bytes, draw: random.Random) -> bytes:
    """An index with the fields of this one's header, the length that they ask for, and checks
    under KEY; in one of two, with the first fields of a sound index."""
    numbers = list(_FIELDS.unpack(data[: _FIELDS.size].ljust(_FIELDS.size, b"\0")))
    if draw.random() < 1 / 2:
        numbers[3:8] = *_SHAPE, 2, 9, _DIMENSIONS
    _, _, maker, groups, size, kept, steps, dimensions, count, total, nonce = numbers
    count, total = min(count, 8), min(total, 512)
    header = Header(Parameters(groups, size, kept, steps, maker), dimensions, count, total, nonce)
    if header.end > TARGET.max_len:
        return data
    rest = data[MIN_FILE:].ljust(header.end, b"\0")
    out = form.pack_header(header, KEY) + rest[:total]
    axes = header.blocks_at - header.axes_at - CHECK
    for number, public, place, length in (
        (form.AXES, 0, total, axes),
        (form.FIRST_BLOCK, 2 * count, total + axes + CHECK, count * (2 + dimensions)),
    ):
        part = rest[place : place + length]
        # Sealing twice encrypts twice, which is not at all.
        plain = form.seal(KEY, nonce, number, part[public:])[:-CHECK]
        out += form.seal(KEY, nonce, number, plain, part[:public])
    return out


def seeds() -> dict[str, bytes]:
    """One record, three records, and files that are refused."""
    one, three = _index(1), _index(3)
    return {
        "one": one,
        "three": three,
        "empty": b"",
        "short": one[:40],
        "version": one[:4] + b"\2" + one[5:],
        "end": one + b"\0",
    }


def _index(count: int) -> bytes:
    """An index as `write_index` makes it, with a nonce of zeros."""
    face = template(_SHAPE, b"fuzz")
    records = [protect(face, KEY, f"id {i}", alpha=0.5, drop=0.4) for i in range(count)]
    parts = [record.to_bytes() for record in records]
    data, nonce = b"".join(parts), bytes(form.NONCE)
    header = Header(records[0].parameters, _DIMENSIONS, count, len(data), nonce)
    numbers = np.linspace(-1, 1, _DIMENSIONS * (header.cells + 1), dtype="<f4")
    lengths = np.array([len(part) for part in parts], "<u2")
    codes = np.arange(count * _DIMENSIONS, dtype=np.int8)
    return (
        form.pack_header(header, KEY)
        + data
        + form.seal(KEY, nonce, form.AXES, numbers.tobytes())
        + form.seal(KEY, nonce, form.FIRST_BLOCK, codes.tobytes(), lengths.tobytes())
    )


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(FormatError, WrongKeyError),
    parsers=("stc.protection.index", "stc.protection.index_file"),
    repair=repair,
    max_len=1024,
)
