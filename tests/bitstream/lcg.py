"""Pseudorandom tables and messages for the golden vectors, which need neither a model nor `random`.

The generator is that of the conformance vectors; the frequencies are made differently, and fixed by
tests/bitstream/vectors.
"""

import numpy as np

from conformance.numbers import Numbers
from stc.bitstream import Tables


class Lcg(Numbers):
    """The generator of the conformance vectors, with its own rule for frequencies."""

    def row(self, symbols: int) -> list[int]:
        """Uneven frequencies of at least 1 that sum to 2^16."""
        weights = [1 + self.below(1000) ** 2 for _ in range(symbols)]
        free = 2**16 - symbols
        row = [1 + free * w // sum(weights) for w in weights]
        row[0] += 2**16 - sum(row)
        return row


def make_tables(seed: int, groups: int, levels: list[tuple[int, int]]) -> Tables:
    """Random tables; levels: the numbers (tokens, codewords) of each residual stage."""
    lcg = Lcg(seed)
    return Tables(
        np.array(lcg.row(groups)),
        tuple(np.array([[lcg.row(k) for _ in range(t)] for _ in range(groups)]) for t, k in levels),
    )


def make_message(seed: int, tables: Tables, count: int) -> tuple[int, np.ndarray]:
    """A random group and indices, int64 [count], with equal probabilities."""
    lcg = Lcg(seed)
    group = lcg.below(len(tables.groups))
    alphabets = [rows.shape[1] for _, rows in tables.rows(group, count) for _ in rows]
    indices = [lcg.below(alphabet) for alphabet in alphabets]
    return group, np.array(indices, dtype=np.int64)
