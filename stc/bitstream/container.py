"""Tokens <-> whole files, and how many tokens a number of bytes holds."""

from __future__ import annotations

from itertools import takewhile

from stc.bitstream.coder import Indices, decode_payload, encode_payload, payload_sizes
from stc.bitstream.header import join_count, overhead, parse_header, seal, split_count
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
    payloads = payload_sizes(tables, group, indices)
    sizes = (overhead(n, bare=bare) + payload for n, payload in enumerate(payloads, 1))
    smallest = next(sizes)
    if smallest <= max_bytes:
        return 1 + sum(1 for _ in takewhile(lambda size: size <= max_bytes, sizes))
    raise BudgetError(
        f"{max_bytes} bytes are too few: the smallest file of this face has {smallest}", smallest
    )
