"""`Tokens`: the group and the codeword indices of several faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens of B faces.

    Face b has the group `groups[b]` and the first `counts[b]` indices of `indices[b]`; the rest of
    the row is undefined.
    """

    groups: Longs  # [B]
    indices: Longs  # [B, n]
    counts: Longs  # [B], at most n

    def __repr__(self) -> str:
        return f"<Tokens of {len(self)} faces, at most {self.counts.max(initial=0)} each>"

    def __len__(self) -> int:
        return len(self.groups)

    def face(self, row: int) -> tuple[int, Longs]:
        """Return the group and the indices [counts[row]] of one face."""
        return int(self.groups[row]), self.indices[row, : self.counts[row]]

    def part(self, rows: slice) -> Tokens:
        """Return the tokens of some of the faces."""
        return Tokens(self.groups[rows], self.indices[rows], self.counts[rows])

    @classmethod
    def joined(cls, parts: Sequence[Tokens]) -> Tokens:
        """Concatenate the faces of all parts, in order; rows are padded to the largest count."""
        return cls.of([part.face(row) for part in parts for row in range(len(part))])

    @classmethod
    def of(cls, faces: Sequence[tuple[int, Longs]]) -> Tokens:
        """Create tokens from the group and the indices of each face."""
        counts = np.array([len(indices) for _, indices in faces], np.int64)
        rows = np.zeros((len(faces), counts.max(initial=0)), np.int64)
        for row, (_, indices) in zip(rows, faces, strict=True):
            row[: len(indices)] = indices
        return cls(np.array([group for group, _ in faces], np.int64), rows, counts)
