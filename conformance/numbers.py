"""Pseudorandom numbers that are the same on every machine, for models and messages of tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TOTAL = 1 << 16


class Numbers:
    """The 64-bit linear congruential generator of Knuth's MMIX; its upper bits are used."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, n: int) -> int:
        """A number from 0 to n - 1."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._state >> 33) % n

    def integers(self, low: int, high: int, *shape: int) -> npt.NDArray[np.int64]:
        """Integers from low to high, both included."""
        size = int(np.prod(shape))
        return np.array([low + self.below(high - low + 1) for _ in range(size)]).reshape(shape)

    def halves(self, low: float, high: float, *shape: int) -> npt.NDArray[np.float16]:
        """Float16 numbers: low plus multiples of a 1024th of the range, up to high."""
        steps = self.integers(0, 1024, *shape)
        return (low + steps * ((high - low) / 1024)).astype(np.float16)

    def rows(self, *shape: int) -> npt.NDArray[np.uint32]:
        """Uneven frequencies of at least 1 that sum to 2^16 along the last axis."""
        *others, symbols = shape
        rows = []
        for _ in range(int(np.prod(others))):
            weights = [1 + self.below(1000) ** 4 for _ in range(symbols)]
            free = TOTAL - symbols
            row = [1 + free * weight // sum(weights) for weight in weights]
            row[self.below(symbols)] += TOTAL - sum(row)
            rows.append(row)
        return np.array(rows, np.uint32).reshape(shape)
