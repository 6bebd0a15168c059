"""The .stc file: header, payload, checksum. The layout and its reasons are in docs/format.md."""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass

import numpy as np

from stc.bitstream.coder import Indices, decode_payload, encode_payload
from stc.bitstream.tables import Tables
from stc.errors import (
    BadMagicError,
    BudgetError,
    CorruptError,
    TruncatedError,
    UnsupportedVersionError,
)

VERSION = 1
_MAGIC = 0xFAC
_FIXED = 6  # magic and version, model, checksum


@dataclass(frozen=True)
class Header:
    """What a file says before its tokens are decoded."""

    version: int
    fingerprint: bytes  # the first two bytes of the model's
    tokens: int
    payload: bytes
    overhead: int  # bytes of the file that are not payload


def pack(
    fingerprint: bytes, tables: Tables, group: int, indices: Indices, *, bare: bool = False
) -> bytes:
    """The file of a group and the indices [n] of the first n tokens, n at least 1.

    fingerprint: the first two bytes of the model's; unused if bare.
    """
    body = _count_bytes(len(indices)) + encode_payload(tables, group, indices)
    if bare:
        return body
    if len(fingerprint) != 2:
        raise ValueError(f"a file carries 2 bytes of fingerprint, not {len(fingerprint)}")
    data = (_MAGIC << 4 | VERSION).to_bytes(2, "big") + fingerprint + body
    return data + _checksum(data)


def parse_header(data: bytes) -> Header:
    """Check all that can be checked without the model. Raises FormatError."""
    if len(data) < 2:
        raise TruncatedError(f"{len(data)} bytes are too few to be a .stc file")
    start = int.from_bytes(data[:2], "big")
    if start >> 4 != _MAGIC:
        raise BadMagicError(f"not a .stc file: it begins with {data[:2].hex()}, not fac1")
    if start & 15 != VERSION:
        raise UnsupportedVersionError(
            f"format version {start & 15}, this release reads version {VERSION}: update stc"
        )
    if len(data) < _FIXED + 1:
        raise TruncatedError(f"{len(data)} bytes are too few for header and checksum")
    if _checksum(data[:-2]) != data[-2:]:
        raise CorruptError("the checksum does not match: the file was damaged or cut short")
    tokens, payload = _split_count(data[4:-2])
    return Header(VERSION, data[2:4], tokens, payload, len(data) - len(payload))


def unpack(data: bytes, tables: Tables, *, bare: bool = False) -> tuple[int, Indices]:
    """The group and the indices [n] of a file; the inverse of `pack`. Raises FormatError."""
    if bare:
        return decode_payload(tables, *_split_count(data))
    header = parse_header(data)
    return decode_payload(tables, header.tokens, header.payload)


def longest_prefix(
    tables: Tables, group: int, indices: Indices, max_bytes: int, *, bare: bool = False
) -> int:
    """The most of the first tokens whose file is no larger than max_bytes.

    Raises BudgetError, with the smallest size possible, if not even one fits.
    """
    bits = tables.group_bits(group) + np.cumsum(tables.cost_bits(group, indices))
    # A payload may be some bits shorter than ideal by luck: look a little further.
    payload = max_bytes - 1 - (0 if bare else _FIXED)
    count = int(np.searchsorted(bits, 8 * payload + 8, side="right"))
    for tokens in range(min(count, len(indices)), 0, -1):
        size = len(pack(b"\0\0", tables, group, indices[:tokens], bare=bare))
        if size <= max_bytes:
            return tokens
    smallest = len(pack(b"\0\0", tables, group, indices[:1], bare=bare))
    raise BudgetError(
        f"{max_bytes} bytes are too few: the smallest file of this face has {smallest}"
    )


def _checksum(data: bytes) -> bytes:
    return crc_hqx(data, 0xFFFF).to_bytes(2, "big")


def _count_bytes(count: int) -> bytes:
    return bytes([count]) if count < 128 else (0x8000 | count).to_bytes(2, "big")


def _split_count(body: bytes) -> tuple[int, bytes]:
    if not body:
        raise TruncatedError("the file ends before its token count")
    if body[0] < 128:
        count, rest = body[0], body[1:]
    elif len(body) < 2:
        raise TruncatedError("the file ends inside its token count")
    else:
        count, rest = int.from_bytes(body[:2], "big") & 0x7FFF, body[2:]
        if count < 128:
            raise CorruptError(f"the token count {count} is written in two bytes, not one")
    if count == 0:
        raise CorruptError("the file states that it has no tokens")
    return count, bytes(rest)
