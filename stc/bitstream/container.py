"""Tokens <-> whole files, and how many tokens a number of bytes holds."""

from __future__ import annotations

import numpy as np

from stc.bitstream.coder import Indices, decode_payload, encode_payload
from stc.bitstream.header import FIXED, join_count, parse_header, seal, split_count
from stc.bitstream.tables import Tables
from stc.errors import BudgetError


def pack(
    fingerprint: bytes, tables: Tables, group: int, indices: Indices, *, bare: bool = False
) -> bytes:
    """The file of a group and the indices [n] of the first n tokens, n at least 1.

    fingerprint: the first two bytes of the model's; unused if bare.
    """
    body = join_count(len(indices), encode_payload(tables, group, indices))
    return body if bare else seal(fingerprint, body)


def unpack(data: bytes, tables: Tables, *, bare: bool = False) -> tuple[int, Indices]:
    """The group and the indices [n] of a file; the inverse of `pack`. Raises FormatError."""
    if bare:
        return decode_payload(tables, *split_count(data))
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
    payload = max_bytes - 1 - (0 if bare else FIXED)
    count = int(np.searchsorted(bits, 8 * payload + 8, side="right"))
    for tokens in range(min(count, len(indices)), 0, -1):
        size = len(pack(b"\0\0", tables, group, indices[:tokens], bare=bare))
        if size <= max_bytes:
            return tokens
    smallest = len(pack(b"\0\0", tables, group, indices[:1], bare=bare))
    raise BudgetError(
        f"{max_bytes} bytes are too few: the smallest file of this face has {smallest}", smallest
    )
