"""Group id and indices <-> payload bytes, by constriction's range coder.

constriction takes probabilities as floats. Its conversion to 24-bit fixed point (`perfect=False`)
gives a symbol of weight w the frequency w + 1 when the weights are integers that sum to 2^24 - K:
its scale factor is then exactly 1, and every partial sum is an integer that a float64 holds. So the
coder gets F - 1, and works with exactly the F of docs/format.md, on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stc.bitstream.tables import Counts, Tables
from stc.errors import CorruptError

PRECISION = 24
_SHIFT = PRECISION - 16

Indices = npt.NDArray[np.int64]


def encode_payload(tables: Tables, group: int, indices: Indices) -> bytes:
    """Group and the indices [n] of the first n tokens -> the shortest payload.

    Raises ValueError for a group, a number of tokens or an index that the tables do not have.
    """
    _check(tables, group, indices)
    import constriction

    encoder = constriction.stream.queue.RangeEncoder()
    for start, weights in _weights(tables, group, len(indices)):
        symbols = np.array([group]) if start < 0 else indices[start : start + len(weights)]
        encoder.encode(symbols.astype(np.int32), _family(), weights)
    whole = encoder.get_compressed().astype(">u4").tobytes()

    def candidate(size: int) -> bytes | None:
        """A number of `size` bytes inside the coder's interval, the smaller of two."""
        prefix = int.from_bytes(whole[:size], "big")
        for number in (prefix, prefix + 1):
            if number < 256**size:
                payload = number.to_bytes(size, "big")
                if _decodes_to(tables, group, indices, payload):
                    return payload
        return None

    # If some size will do, one more zero byte will do too, so the smallest can be searched. The
    # interval is 2^-bits wide: start there and leap, since nearly always one step settles it.
    bits = tables.cost_bits(group, indices).sum() + tables.group_bits(group)
    size = min(int(bits / 8), len(whole))
    while (best := candidate(size)) is None:
        size += 1
    too_small, step = -1, 1
    while size - too_small > 1:
        probe = max(size - step, too_small + 1)
        shorter = candidate(probe)
        if shorter is None:
            too_small, step = probe, 1
        else:
            best, size, step = shorter, probe, 2 * step
    return best


def decode_payload(tables: Tables, count: int, payload: bytes) -> tuple[int, Indices]:
    """The inverse of `encode_payload` -> group and indices [count].

    Raises CorruptError for a payload that `encode_payload` does not write.
    """
    if not 1 <= count <= tables.tokens:
        raise CorruptError(f"the file states {count} tokens, the model has {tables.tokens}")
    if len(payload) > _most_bytes(count):
        raise CorruptError(f"{len(payload)} bytes of payload are too many for {count} tokens")
    try:
        group, indices = _decode(tables, count, payload)
    except AssertionError as error:  # constriction's word for a point outside every interval
        raise CorruptError("the payload decodes to no symbol") from error
    if encode_payload(tables, group, indices) != payload:
        raise CorruptError("the payload is not in its shortest form")
    return group, indices


def _decode(tables: Tables, count: int, payload: bytes) -> tuple[int, Indices]:
    import constriction

    padded = payload.ljust(_most_bytes(count) + 8, b"\0")
    words = np.frombuffer(padded[: len(padded) // 4 * 4], ">u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(words)
    group = 0
    if len(tables.groups) > 1:
        group = int(decoder.decode(_family(), _to_weights(tables.groups[None]))[0])
    found = [
        decoder.decode(_family(), weights)
        if weights.shape[1] > 1
        else np.zeros(len(weights), np.int64)
        for start, weights in _weights(tables, group, count, silent=True)
        if start >= 0
    ]
    return group, np.concatenate(found).astype(np.int64)


def _decodes_to(tables: Tables, group: int, indices: Indices, payload: bytes) -> bool:
    try:
        found = _decode(tables, len(indices), payload)
    except AssertionError:
        return False
    return found[0] == group and np.array_equal(found[1], indices)


def _weights(
    tables: Tables, group: int, count: int, silent: bool = False
) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
    """First token (-1 for the group id) and weights [n, K] of every run of symbols to code.

    silent: also the runs whose alphabet is one symbol, which are not coded.
    """
    if len(tables.groups) > 1:
        yield -1, _to_weights(tables.groups[None])
    for start, row in tables.rows(group, count):
        if row.shape[1] > 1 or silent:
            yield start, _to_weights(row)


def _to_weights(frequencies: Counts) -> npt.NDArray[np.float64]:
    return (frequencies.astype(np.int64) << _SHIFT).astype(np.float64) - 1


def _family() -> object:
    import constriction

    return constriction.stream.model.Categorical(perfect=False)


def _most_bytes(count: int) -> int:
    """No symbol, the group id among them, costs more than 24 bits; one word may be unused."""
    return 3 * (count + 1) + 8


def _check(tables: Tables, group: int, indices: Indices) -> None:
    if not 0 <= group < len(tables.groups):
        raise ValueError(f"group {group} of a model of {len(tables.groups)}")
    if not 1 <= len(indices) <= tables.tokens:
        raise ValueError(f"{len(indices)} tokens of a model of {tables.tokens}")
    for start, row in tables.rows(group, len(indices)):
        part = indices[start : start + len(row)]
        if part.min() < 0 or part.max() >= row.shape[1]:
            raise ValueError(f"indices from token {start} on must be 0 to {row.shape[1] - 1}")
