"""Faces as tokens: what the encoder chooses, the entropy coder stores and the decoder draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tokens:
    """B faces, of which face b has the group `groups[b]` and the first `counts[b]` indices of
    `indices[b]`; what follows them in the row means nothing."""

    groups: Longs  # [B]
    indices: Longs  # [B, n]
    counts: Longs  # [B], at most n

    def __len__(self) -> int:
        return len(self.groups)

    def face(self, row: int) -> tuple[int, Longs]:
        """Group and indices of one face."""
        return int(self.groups[row]), self.indices[row, : self.counts[row]]

    def part(self, rows: slice) -> Tokens:
        """Some of the faces."""
        return Tokens(self.groups[rows], self.indices[rows], self.counts[rows])

    @classmethod
    def joined(cls, parts: Sequence[Tokens]) -> Tokens:
        """The faces of all parts, in order; rows are made as long as the longest."""
        return cls.of([part.face(row) for part in parts for row in range(len(part))])

    @classmethod
    def of(cls, faces: Sequence[tuple[int, Longs]]) -> Tokens:
        """From a group and indices for each face."""
        counts = np.array([len(indices) for _, indices in faces], np.int64)
        rows = np.zeros((len(faces), counts.max(initial=0)), np.int64)
        for row, (_, indices) in zip(rows, faces, strict=True):
            row[: len(indices)] = indices
        return cls(np.array([group for group, _ in faces], np.int64), rows, counts)
