"""Group id and indices <-> payload bytes: a range coder (Martin 1979).

The encoder represents a message by the interval [low, low + span) of all numbers that decode to it,
in integers that never wrap around. This gives the shortest payload in one step, and the sizes of
all prefixes of a message in one pass; conformance/format.md has the arithmetic. The native core
decodes, or plain Python where it was not built.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stc.bitstream import independent, plain
from stc.bitstream.plain import TOTAL
from stc.bitstream.tables import Tables
from stc.errors import CorruptError
from stc.native.choice import choose

PRECISION = 24
_SHIFT = PRECISION - 16

Indices = npt.NDArray[np.int64]
Interval = tuple[int, int, int]  # low, span, and the bits b of their unit 2^-b


def encode_payload(tables: Tables, group: int, indices: Indices) -> bytes:
    """Encode a group and the indices, int64 [n], of the first n tokens as the shortest payload.

    The payload is decoded again and compared: by an independent implementation (constriction), or,
    on platforms without it, by the reference decoder. The payload does not depend on the choice.
    Raises ValueError if the tables do not have the group, n tokens or one of the indices;
    RuntimeError if decoding gives another message, which would be a bug.
    """
    payload = _encode(tables, group, indices)
    decode = independent.decode_symbols if _has_constriction() else plain.decode_message
    try:
        found_group, found = decode(tables, len(indices), payload)
        is_sound = found_group == group and np.array_equal(found, indices)
    except (AssertionError, CorruptError):
        is_sound = False
    if not is_sound:
        raise RuntimeError(f"a payload of {len(payload)} bytes does not decode: {payload.hex()}")
    return payload


@functools.cache
def _has_constriction() -> bool:
    """Whether constriction is installed; it is optional where it has no wheel."""
    try:
        importlib.import_module("constriction")
    except ImportError:
        return False
    return True


def _encode(tables: Tables, group: int, indices: Indices) -> bytes:
    *_, (low, span, bits) = _intervals(tables, group, indices)
    size = _shortest(low, span, bits)
    return (-(-low >> bits - 8 * size)).to_bytes(size, "big")


def payload_sizes(tables: Tables, group: int, indices: Indices) -> Iterator[int]:
    """Yield the payload's size in bytes for the first 1, 2, ... n tokens; it never decreases.

    indices: int64 [n]. Raises ValueError as `encode_payload` does.
    """
    for interval in _intervals(tables, group, indices):
        yield _shortest(*interval)


def _shortest(low: int, span: int, bits: int) -> int:
    """Size in bytes of the shortest string inside an interval.

    Take the highest bit in which the number just below the interval differs from its last one: the
    interval contains a multiple of that bit's weight, and of no greater power of two.
    """
    weight = ((low - 1) ^ (low + span - 1)).bit_length() - 1 if low else bits
    return -(-(bits - weight) // 8)


def _intervals(tables: Tables, group: int, indices: Indices) -> Iterator[Interval]:
    """Yield the interval after the first 1, 2, ... n tokens."""
    _check(tables, group, indices)
    start = ((0, (1 << 64) - 1, 64), int(tables.below_groups[group]), int(tables.groups[group]))
    interval = _narrowed(*start)
    for below, frequency in tables.shares(group, indices):
        interval = _narrowed(interval, below, frequency)
        yield interval


def _narrowed(interval: Interval, below: int, frequency: int) -> Interval:
    """The subinterval of one symbol, given its cumulative frequency and its frequency, of 2^16."""
    if frequency == TOTAL:  # a symbol from an alphabet of one is not coded
        return interval
    low, span, bits = interval
    scale = span >> PRECISION
    low, span = low + (scale * below << _SHIFT), scale * frequency << _SHIFT
    return (low, span, bits) if span >> 32 else (low << 32, span << 32, bits + 32)


def decode_payload(tables: Tables, count: int, payload: bytes) -> tuple[int, Indices]:
    """Decode a payload of `encode_payload` -> its group and the indices, int64 [count].

    Raises CorruptError for a payload that `encode_payload` does not write.
    """
    if not 1 <= count <= tables.tokens:
        raise CorruptError(f"the file states {count} tokens, the model has {tables.tokens}")
    if len(payload) > _max_bytes(count):
        raise CorruptError(
            f"the payload has {len(payload)} bytes; {count} tokens take at most {_max_bytes(count)}"
        )
    group, indices = _decode(tables, count, payload)
    if _encode(tables, group, indices) != payload:
        raise CorruptError("the payload is not in its shortest form")
    return group, indices


def _decode(tables: Tables, count: int, payload: bytes) -> tuple[int, Indices]:
    if choose() == "native":
        from stc.bitstream import native

        return native.decode_symbols(tables, count, payload)
    return plain.decode_message(tables, count, payload)


def _max_bytes(count: int) -> int:
    """Upper limit of a payload: at most 24 bits for each token and the group, and 8 spare bytes."""
    return 3 * (count + 1) + 8


def _check(tables: Tables, group: int, indices: Indices) -> None:
    if not 0 <= group < len(tables.groups):
        raise ValueError(f"group must be 0 to {len(tables.groups) - 1}, not {group}")
    if not 1 <= len(indices) <= tables.tokens:
        raise ValueError(f"the number of indices must be 1 to {tables.tokens}, not {len(indices)}")
    for start, row in tables.rows(group, len(indices)):
        part = indices[start : start + len(row)]
        if part.min() < 0 or part.max() >= row.shape[1]:
            raise ValueError(f"indices from token {start} on must be 0 to {row.shape[1] - 1}")
