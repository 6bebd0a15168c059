"""The range decoder of docs/format.md in plain Python: the definition, and quick to import.

Decoding for pictures goes through constriction, which is faster; tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stc.errors import CorruptError

_WORD, _STATE = 1 << 32, 1 << 64


def decode_symbols(payload: bytes, rows: Iterable[Sequence[int]]) -> list[int]:
    """Symbols of a payload, one for each row of frequencies that sum to 2^16.

    Raises CorruptError for a payload that no message has.
    """
    words = _words(payload)
    low, span = 0, _STATE - 1
    point = next(words) * _WORD + next(words)
    symbols = []
    for row in rows:
        if len(row) == 1:
            symbols.append(0)
            continue
        scale = span >> 24
        q = (point - low) % _STATE // scale
        symbol, below = 0, 0
        while below + 256 * row[symbol] <= q:
            below += 256 * row[symbol]
            symbol += 1
            if symbol == len(row):
                raise CorruptError("the payload decodes to no symbol")
        symbols.append(symbol)
        low = (low + scale * below) % _STATE
        span = scale * 256 * row[symbol]
        if span < _WORD:
            low, span = low * _WORD % _STATE, span * _WORD
            point = (point * _WORD + next(words)) % _STATE
    return symbols


def _words(payload: bytes) -> Iterator[int]:
    """The payload four bytes at a time, then zeros for ever."""
    for start in range(0, len(payload), 4):
        yield int.from_bytes(payload[start : start + 4].ljust(4, b"\0"), "big")
    while True:
        yield 0
