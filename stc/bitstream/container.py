"""Tokens <-> complete .stc files, and the number of tokens that fit into a size limit."""

from __future__ import annotations

from itertools import takewhile

from stc.bitstream.coder import Indices, decode_payload, encode_payload, payload_sizes
from stc.bitstream.header import join_count, overhead, parse_header, seal, split_count
from stc.bitstream.tables import Tables
from stc.errors import BudgetError


def pack(
    fingerprint: bytes, tables: Tables, group: int, indices: Indices, *, bare: bool = False
) -> bytes:
    """Encode a group and the indices, int64 [n], of the first n >= 1 tokens as a .stc file.

    fingerprint: the first two bytes of the model's fingerprint; unused if bare.
    bare: leave out the magic, the fingerprint and the checksum.
    Raises ValueError as `encode_payload` does.
    """
    body = join_count(len(indices), encode_payload(tables, group, indices))
    return body if bare else seal(fingerprint, body)


def unpack(data: bytes, tables: Tables, *, bare: bool = False) -> tuple[int, Indices]:
    """Decode a file of `pack` -> its group and the indices, int64 [n]. Raises FormatError."""
    if bare:
        return decode_payload(tables, *split_count(data))
    header = parse_header(data)
    return decode_payload(tables, header.tokens, header.payload)


def longest_prefix(
    tables: Tables, group: int, indices: Indices, max_bytes: int, *, bare: bool = False
) -> int:
    """The number of leading tokens that fit into a file of at most max_bytes bytes.

    indices: int64 [n]. Raises BudgetError, with the smallest possible size, if no token fits.
    """
    payloads = payload_sizes(tables, group, indices)
    sizes = (overhead(n, bare=bare) + payload for n, payload in enumerate(payloads, 1))
    smallest = next(sizes)
    if smallest <= max_bytes:
        return 1 + sum(1 for _ in takewhile(lambda size: size <= max_bytes, sizes))
    raise BudgetError(
        f"max_bytes is {max_bytes}, but the smallest file of this face has {smallest} bytes",
        smallest,
    )
