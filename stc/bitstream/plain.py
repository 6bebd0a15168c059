"""The range decoder of conformance/format.md in plain Python: the reference, and fast to import.

The native core and constriction give the same results; tests compare all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from stc.errors import CorruptError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from stc.bitstream.tables import Tables

TOTAL = 1 << 16  # every row of frequencies sums to this
_WORD, _STATE = 1 << 32, 1 << 64


def decode_symbols(payload: bytes, rows: Iterable[Sequence[int]]) -> list[int]:
    """Decode a payload -> one symbol for each row of frequencies, which sum to 2^16.

    Raises CorruptError for a payload that decodes to no symbol.
    """
    decoder = RangeDecoder(payload)
    return [decoder.symbol(row) for row in rows]


def decode_message(tables: Tables, count: int, payload: bytes) -> tuple[int, npt.NDArray[np.int64]]:
    """Decode a payload -> group and the indices, int64 [count], of the first tokens.

    Raises CorruptError for a payload that decodes to no symbol.
    """
    import numpy as np

    decoder = RangeDecoder(payload)
    group = decoder.symbol(tables.groups.tolist())
    rows = (row for _, level in tables.rows(group, count) for row in level.tolist())
    return group, np.array([decoder.symbol(row) for row in rows], np.int64)


class RangeDecoder:
    """A range decoder: the interval [low, low + span) and a point in it, see format.md."""

    def __init__(self, payload: bytes) -> None:
        self._words = _words(payload)
        self._low, self._span = 0, _STATE - 1
        self._point = next(self._words) * _WORD + next(self._words)

    def symbol(self, row: Sequence[int]) -> int:
        """Decode the next symbol, given the frequencies of all symbols, which sum to 2^16.

        Raises CorruptError if the point lies after the last symbol.
        """
        if len(row) == 1:  # not coded
            return 0
        scale = self._span >> 24
        q = (self._point - self._low) % _STATE // scale
        symbol, below = 0, 0
        while q >= below + 256 * row[symbol]:
            below += 256 * row[symbol]
            symbol += 1
            if symbol == len(row):
                raise CorruptError("the payload decodes to no symbol")
        self._low = (self._low + scale * below) % _STATE
        self._span = scale * 256 * row[symbol]
        if self._span < _WORD:
            self._low, self._span = self._low * _WORD % _STATE, self._span * _WORD
            self._point = (self._point * _WORD + next(self._words)) % _STATE
        return symbol


def _words(payload: bytes) -> Iterator[int]:
    """Yield the payload as 32-bit words, big-endian, then zeros without end."""
    for start in range(0, len(payload), 4):
        yield int.from_bytes(payload[start : start + 4].ljust(4, b"\0"), "big")
    while True:
        yield 0
