"""Writes the golden vectors of a format version: python -m tests.bitstream.make_vectors."""

import hashlib
import json
from pathlib import Path

from stc.bitstream import pack
from tests.bitstream.lcg import make_message, make_tables

FOLDER = Path(__file__).parent / "vectors"
CASES = [
    # seed, groups, levels (tokens, codewords), count
    (1, 1, [(25, 256), (32, 256)], 57),
    (2, 1, [(25, 256), (32, 256)], 1),
    (3, 1, [(25, 256), (32, 256)], 40),
    (4, 16, [(8, 64), (8, 100)], 16),
    (5, 256, [(4, 2), (4, 3), (4, 1)], 12),
    (6, 2, [(130, 16)], 127),
    (7, 2, [(130, 16)], 128),
    (8, 1, [(3, 4096)], 3),
    (9, 1, [(5, 1)], 5),
]


def tokens_digest(group: int, indices: list[int]) -> str:
    return hashlib.sha256(",".join(map(str, [group, *indices])).encode()).hexdigest()


def main() -> None:
    rows = []
    for seed, groups, levels, count in CASES:
        tables = make_tables(seed, groups, levels)
        group, indices = make_message(seed + 1000, tables, count)
        rows.append(
            {
                "seed": seed,
                "groups": groups,
                "levels": levels,
                "count": count,
                "file": pack(bytes([seed, 0xAB]), tables, group, indices).hex(),
                "bare": pack(b"", tables, group, indices, bare=True).hex(),
                "tokens": tokens_digest(group, indices.tolist()),
            }
        )
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "valid.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
