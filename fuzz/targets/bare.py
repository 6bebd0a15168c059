"""Bare files, which have neither magic nor checksum: `decode_batch` and `info`."""

from __future__ import annotations

import random
from typing import Any

import stc
from fuzz.small_model import random_file, small_codec
from fuzz.target import Target
from stc.bitstream import pack, plain
from stc.bitstream.header import split_count
from stc.errors import FormatError, StcError


def answer(data: bytes) -> Any:
    """Group, tokens and pixels; one input in four is also read by `info`, which is slow."""
    codec = small_codec()
    group, indices = codec.read_tokens(data, bare=True)
    if data[-1] % 4 == 0:
        known = stc.info(data, model=codec.model.path, bare=True)
        assert (known.tokens, known.group) == (len(indices), group)  # noqa: S101
    return group, indices.tolist(), codec.decode_batch([data], bare=True).tobytes()


def repair(data: bytes, draw: random.Random) -> bytes:
    """Decode the payload and encode it again, with the token count reduced to the model's."""
    tables = small_codec().model.tables
    try:
        count, payload = split_count(data)
        count = 1 + (count - 1) % tables.tokens
        return pack(b"", tables, *plain.decode_message(tables, count, payload), bare=True)
    except StcError:
        return data


def seeds() -> dict[str, bytes]:
    """Files of one, some and all tokens, and invalid ones."""
    made = {f"small-{n}": random_file(small_codec(), n, n, bare=True) for n in (1, 4, 9)}
    return {**made, "empty": b"", "long-count": b"\x80\x09", "no-tokens": b"\0"}


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(FormatError,),
    parsers=("stc.bitstream.header", "stc.bitstream.coder", "stc.codec.info"),
    repair=repair,
    max_len=64,
)
