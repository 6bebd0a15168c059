"""Tables and messages from integers alone: golden vectors need no model and no random module."""

import numpy as np

from stc.bitstream import Tables


class Lcg:
    """The 64-bit generator of Knuth's MMIX; its upper bits are good enough."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, n: int) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def row(self, symbols: int) -> list[int]:
        """Frequencies of at least 1 that sum to 2^16, uneven."""
        weights = [1 + self.below(1000) ** 2 for _ in range(symbols)]
        free = 2**16 - symbols
        row = [1 + free * w // sum(weights) for w in weights]
        row[0] += 2**16 - sum(row)
        return row


def make_tables(seed: int, groups: int, levels: list[tuple[int, int]]) -> Tables:
    """levels: (tokens, codewords) of each."""
    lcg = Lcg(seed)
    return Tables(
        np.array(lcg.row(groups)),
        tuple(np.array([[lcg.row(k) for _ in range(t)] for _ in range(groups)]) for t, k in levels),
    )


def make_message(seed: int, tables: Tables, count: int) -> tuple[int, np.ndarray]:
    """A group and `count` indices, all symbols equally likely."""
    lcg = Lcg(seed)
    group = lcg.below(len(tables.groups))
    alphabets = [rows.shape[1] for _, rows in tables.rows(group, count) for _ in rows]
    indices = [lcg.below(alphabet) for alphabet in alphabets]
    return group, np.array(indices, dtype=np.int64)
