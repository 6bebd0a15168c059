"""`stc.decode`: any bytes -> a picture or a documented error."""

from __future__ import annotations

import random
from binascii import crc_hqx
from typing import Any

import stc
from fuzz.small_model import random_file, shipped_codec, short_name, small_codec
from fuzz.target import Target
from stc.bitstream import pack, parse_header, plain
from stc.errors import FormatError, ModelError, StcError

SMALL, SHIPPED = short_name(small_codec().model), short_name(shipped_codec().model)


def answer(data: bytes) -> Any:
    """Group, tokens and pixels.

    For the packaged model only one picture of 16 is rendered, by `stc.decode`: rendering takes most
    of the time, and has no branches that depend on the file.
    """
    codec = small_codec() if data[2:4] == SMALL else shipped_codec()
    group, indices = codec.read_tokens(data)
    again = pack(data[2:4], codec.model.tables, group, indices)
    assert again == data, f"the same tokens are also {again.hex()}"  # noqa: S101
    if codec is small_codec():
        pixels = codec.decode_batch([data]).tobytes()
    else:
        pixels = b"" if data[-1] % 16 else stc.decode(data).tobytes()
    return group, indices.tolist(), pixels


def repair(data: bytes, draw: random.Random) -> bytes:
    """A file with magic and checksum, mostly of the small model; in one of two, a valid payload.

    `shortest` makes that payload from the tokens that the input's payload decodes to.
    """
    short = SHIPPED if draw.random() < 1 / 16 else SMALL
    body = b"\xfa\xc1" + short + data[4:-2]
    sealed = body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")
    return sealed if draw.random() < 1 / 2 else shortest(sealed)


def shortest(data: bytes) -> bytes:
    """Decode the payload of a file and encode it again; unchanged if it does not decode."""
    codec = small_codec() if data[2:4] == SMALL else shipped_codec()
    try:
        header = parse_header(data)
        tables = codec.model.tables
        found = plain.decode_message(tables, min(header.tokens, tables.tokens), header.payload)
        return pack(header.fingerprint, tables, *found)
    except StcError:
        return data


def seeds() -> dict[str, bytes]:
    """Files of one, some and all tokens, of both models, and damaged files."""
    made = {f"small-{n}": random_file(small_codec(), n, n) for n in (1, 4, 9)}
    made |= {f"shipped-{n}": random_file(shipped_codec(), n, n) for n in (1, 130)}
    whole = made["small-9"]
    return {
        **made,
        "empty": b"",
        "short": whole[:5],
        "version": bytes([whole[0], 0xC2]) + whole[2:],
        "unknown-model": whole[:2] + b"\0\0" + whole[4:],
    }


TARGET = Target(
    answer=answer,
    seeds=seeds,
    errors=(FormatError, ModelError),
    parsers=(
        "stc.bitstream.header",
        "stc.bitstream.container",
        "stc.bitstream.coder",
        "stc.bitstream.native",
    ),
    repair=repair,
    max_len=512,
)
