"""Payloads decoded by the library constriction, which shares no code with this package.

The encoder decodes every payload with it before the file is returned. Decoding of files does not
use it, and works without constriction.

constriction takes probabilities as floats. Its conversion to 24-bit fixed point (`perfect=False`)
gives a symbol of weight w the frequency w + 1 when the weights are integers that sum to 2^24 - K:
its scale factor is then exactly 1, and every partial sum is an integer that a float64 holds. So the
decoder gets F - 1, and works with exactly the F of conformance/format.md, on every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stc.bitstream.tables import Counts, Tables


def decode_symbols(tables: Tables, count: int, payload: bytes) -> tuple[int, npt.NDArray[np.int64]]:
    """Decode a payload -> group and the indices, int64 [count], of the first tokens.

    Raises AssertionError for a payload that decodes to no message.
    """
    import constriction

    # No symbol takes more than 24 bits; a payload continues with zeros.
    padded = payload.ljust(3 * (count + 1) + 16, b"\0")
    words = np.frombuffer(padded[: len(padded) // 4 * 4], ">u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(words)
    family = constriction.stream.model.Categorical(perfect=False)
    group = 0
    if len(tables.groups) > 1:
        group = int(decoder.decode(family, _weights(tables.groups[None]))[0])
    found = [
        decoder.decode(family, _weights(row))
        if row.shape[1] > 1
        else np.zeros(len(row), np.int64)  # an alphabet of one is not coded
        for _, row in tables.rows(group, count)
    ]
    return group, np.concatenate(found).astype(np.int64)


def _weights(frequencies: Counts) -> npt.NDArray[np.float64]:
    # constriction ignores strides, so the copy must be in C order.
    return frequencies.astype(np.float64, order="C") * 256 - 1
