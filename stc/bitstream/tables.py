"""The PMFs of the group and of every token of a model, as integer frequencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.bitstream.header import MAX_TOKENS
from stc.bitstream.plain import TOTAL
from stc.errors import ModelError
from stc.fork_lock import cached_property

Counts = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Tables:
    """The frequencies of a model's G groups and of the K codewords of every token.

    groups: integers [G]. levels: for each residual stage l (called level in the model file),
        integers [G_l, T_l, K_l]; G_l is G, or 1 if the frequencies are the same in all groups.

    Raises ModelError unless every frequency is at least 1 and every row sums to 2^16.
    """

    groups: Counts
    levels: tuple[Counts, ...]

    def __post_init__(self) -> None:
        _check("groups", self.groups, 1)
        for number, level in enumerate(self.levels):
            _check(f"level {number}", level, 3)
            if len(level) not in (1, len(self.groups)):
                raise ModelError(
                    f"level {number} has {len(level)} groups, neither 1 nor {len(self.groups)}"
                )
        if not 1 <= self.tokens <= MAX_TOKENS:
            raise ModelError(f"a model has 1 to {MAX_TOKENS} tokens, not {self.tokens}")

    def __repr__(self) -> str:
        return f"<Tables of {len(self.groups)} groups and {self.level_sizes} tokens>"

    @cached_property
    def level_sizes(self) -> tuple[int, ...]:
        """Number of tokens T_l of every residual stage."""
        return tuple(level.shape[1] for level in self.levels)

    @cached_property
    def tokens(self) -> int:
        """Number of tokens of all residual stages together."""
        return sum(self.level_sizes)

    def rows(self, group: int, count: int) -> Iterator[tuple[int, Counts]]:
        """Yield the PMFs of the first `count` tokens in a group, residual stage by residual stage.

        Each is the number of the stage's first token, and the frequencies [n, K] of its n tokens.
        """
        start = 0
        for level in self.levels:
            if start >= count:
                return
            yield start, level[_own(level, group), : count - start]
            start += level.shape[1]

    @cached_property
    def below_groups(self) -> Counts:
        """The cumulative frequency below each group, [G]."""
        return _below(self.groups)

    @cached_property
    def below(self) -> tuple[Counts, ...]:
        """For each residual stage, the cumulative frequency below each symbol, [G_l, T_l, K_l]."""
        return tuple(_below(level) for level in self.levels)

    @cached_property
    def group_costs(self) -> npt.NDArray[np.int64]:
        """Ideal code length of every group id in 2^-16 bits, [G]."""
        return _costs(self.groups)

    @cached_property
    def costs(self) -> tuple[npt.NDArray[np.int64], ...]:
        """Per residual stage, the ideal code length of every index in 2^-16 bits, [G_l, T_l, K_l].

        Integers, so that sums of them are the same in any order and on any device.
        """
        return tuple(_costs(level) for level in self.levels)

    def shares(self, group: int, indices: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """Yield the cumulative frequency below, and the frequency, of each of the indices [n]."""
        for (start, row), below in zip(self.rows(group, len(indices)), self.below, strict=False):
            own = (np.arange(len(row)), indices[start : start + len(row)])
            yield from zip(below[_own(below, group)][own].tolist(), row[own].tolist(), strict=True)

    @classmethod
    def from_counts(cls, groups: Counts, levels: Sequence[Counts]) -> Tables:
        """Normalise counts to frequencies that sum to 2^16, none of them zero.

        groups: counts [G]. levels: counts of each residual stage, [G_l, T_l, K_l]. Half a count is
        added to each; rounding is by largest remainder, ties go to the lowest symbol.
        """
        return cls(_normalise(groups), tuple(_normalise(level) for level in levels))


def _own(level: Counts, group: int) -> int:
    """The row of a group in the frequencies [G or 1, T, K] of a residual stage."""
    return group if len(level) > 1 else 0


def _below(frequencies: Counts) -> Counts:
    sums: Counts = np.cumsum(frequencies, -1, dtype=np.int64) - frequencies
    return sums


def _costs(frequencies: Counts) -> npt.NDArray[np.int64]:
    bits = np.log2(TOTAL / frequencies.astype(np.float64))
    return np.round(bits * TOTAL).astype(np.int64)


def _normalise(counts: Counts) -> npt.NDArray[np.uint32]:
    raw = counts.astype(np.float64) + 0.5
    free = TOTAL - raw.shape[-1]  # every symbol gets one in advance
    share = raw / raw.sum(-1, keepdims=True) * free
    whole = np.floor(share)
    missing = (free - whole.sum(-1)).astype(np.int64)
    rank = np.argsort(np.argsort(whole - share, axis=-1, kind="stable"), axis=-1)
    frequencies: npt.NDArray[np.uint32] = (1 + whole + (rank < missing[..., None])).astype(
        np.uint32
    )
    return frequencies


def _check(name: str, counts: Counts, dimensions: int) -> None:
    if counts.ndim != dimensions or counts.size == 0 or counts.dtype.kind not in "iu":
        raise ModelError(f"frequencies of {name} are {counts.dtype} {counts.shape}")
    if counts.min() < 1 or (counts.sum(-1, dtype=np.int64) != TOTAL).any():
        raise ModelError(f"frequencies of {name} must be at least 1 and sum to {TOTAL}")
