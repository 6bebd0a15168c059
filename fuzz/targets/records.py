"""Files of protected templates: reading, writing, packing into a gallery, matching."""

from __future__ import annotations

import random
import struct
import zlib
from typing import Any

import numpy as np

from fuzz.target import Target
from stc.errors import FormatError, ProtectionError
from stc.protection import Gallery, GroupedTemplate, Key, match, protect, read_records
from stc.protection.stream import Parameters, tag_of

KEY = Key(bytes(range(32)))
_HEADER = struct.Struct("<4sBB4sHHHHH8sB")
_SHAPES = ((1, 2), (2, 5), (3, 16))


def answer(data: bytes) -> Any:
    """The fields and scores of the records; matched one by one, as their keys may differ."""
    records = list(read_records(data))
    joined = b"".join(record.to_bytes() for record in records)
    assert joined == data, f"the same records are also {joined.hex()}"  # noqa: S101
    return [
        (
            one.record_id,
            one.label,
            one.generation,
            one.parameters,
            one.features.tobytes(),
            _score(one),
        )
        for one in records
    ]


def _score(record: Any) -> float | str:
    try:
        score = match(template(record.features.shape, record.parameters.maker), record, KEY)
        assert -1 <= score <= 1, score  # noqa: S101
        Gallery.of([record, record])
    except ProtectionError as error:
        return type(error).__name__
    return score


def template(shape: tuple[int, int], maker: bytes = bytes(4)) -> GroupedTemplate:
    """A template of groups and dimensions `shape`, always the same."""
    features = np.sin(np.arange(1, 1 + shape[0] * shape[1], dtype=np.float32)).reshape(shape)
    return GroupedTemplate(features, np.full(shape[0], 1 / shape[0], np.float32), maker)


def repair(data: bytes, draw: random.Random) -> bytes:
    """Records with correct checksums and, in three of four, with the tag of KEY."""
    out, place = b"", 0
    while place + _HEADER.size < len(data):
        numbers = list(_HEADER.unpack_from(data, place))
        numbers[:2] = b"STCp", 1
        bits, maker, groups, size, kept, steps, generation, _, length = numbers[2:]
        name = data[place + _HEADER.size : place + _HEADER.size + length]
        end = place + _HEADER.size + length + -(-groups * kept * bits // 8)
        if draw.random() < 3 / 4:
            numbers[9] = tag_of(KEY, Parameters(groups, size, kept, steps, maker), name, generation)
        body = _HEADER.pack(*numbers) + data[place + _HEADER.size : end]
        out += body + struct.pack("<I", zlib.crc32(body))
        place = end + 4
    return out or data


def seeds() -> dict[str, bytes]:
    """Records of several shapes, bits and ids; two records in one file; invalid files."""
    ids = ("anna/1", b"\0\xff", 7)
    made = {
        f"{m}x{c}-{bits}": protect(
            template((m, c)), KEY, ids[bits % 3], alpha=0.8, drop=drop
        ).to_bytes(bits)
        for (m, c), bits, drop in zip(_SHAPES, (2, 7, 8), (0, 0.4, 0.5), strict=True)
    }
    return {**made, "two": made["1x2-2"] + made["2x5-7"], "empty": b"", "short": b"STCp\1"}


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(FormatError,),
    parsers=("stc.protection.container", "stc.protection.record", "stc.protection.record_id"),
    repair=repair,
    max_len=512,
)
