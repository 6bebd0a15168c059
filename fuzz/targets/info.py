"""`stc.info`: the properties of a file, from the range decoder in plain Python."""

from __future__ import annotations

from typing import Any

import stc
from fuzz.small_model import shipped_codec, short_name, small_codec
from fuzz.target import Target
from fuzz.targets import decode
from stc.errors import FormatError, WrongModelError

SMALL = short_name(small_codec().model)


def answer(data: bytes) -> Any:
    """All fields; if the file decodes, they must agree with its tokens."""
    codec = small_codec() if data[2:4] == SMALL else shipped_codec()
    known = stc.info(data, model=codec.model.path if codec is small_codec() else None)
    try:
        group, indices = codec.read_tokens(data)
    except (FormatError, WrongModelError):
        return known  # info accepts payloads that are not in their shortest form
    assert (known.tokens, known.group) == (len(indices), group)  # noqa: S101
    return known


TARGET = Target(
    answer=answer,
    seeds=decode.seeds,
    errors=(FormatError, WrongModelError),
    parsers=("stc.bitstream.header", "stc.bitstream.plain", "stc.codec.info"),
    repair=decode.repair,
    max_len=512,
)
