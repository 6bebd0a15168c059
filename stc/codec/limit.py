"""The limits of a file in tokens and bytes, and the number of tokens that they allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.bitstream import Tables, overhead
from stc.codec.tokens import Tokens
from stc.errors import SettingsError
from stc.fork_lock import cached_property
from stc.settings import Settings

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Limit:
    """At most `max_tokens` tokens and, unless None, `max_bytes` bytes.

    While tokens are chosen, the file size is predicted from their ideal code lengths. These are
    integers, so all devices compute the same sums. The entropy coder decides in the end: if the
    prediction was too low, which is rare, it removes the last tokens.
    """

    tables: Tables
    max_tokens: int
    max_bytes: int | None
    bare: bool

    @classmethod
    def of(cls, tables: Tables, settings: Settings) -> Limit:
        """Return the limit for a model's probability tables and the settings.

        Raises SettingsError for more stages than the model has.
        """
        sizes, stages = tables.level_sizes, settings.stages
        if stages is not None and stages > len(sizes):
            raise SettingsError(f"stages must be 1 to {len(sizes)}, not {stages}")
        return cls(tables, sum(sizes[:stages]), settings.max_bytes, settings.bare)

    @cached_property
    def allowed(self) -> Longs:
        """The largest code length that fits, in 2^-16 bits, for 1, 2, ... tokens, [max_tokens]."""
        counts = range(1, self.max_tokens + 1)
        if self.max_bytes is None:
            return np.full(len(counts), np.iinfo(np.int64).max)
        left = [self.max_bytes - overhead(count, bare=self.bare) for count in counts]
        return np.array(left, np.int64) * (8 << 16)

    def lengths(self, tokens: Tokens) -> Longs:
        """Return the code lengths of each face's group and first 1 to n tokens, [B, n].

        They are in 2^-16 bits, and those after a face's last token are undefined.
        """
        start, own = 0, []
        for costs in self.tables.costs:
            indices = tokens.indices[:, start : start + costs.shape[1]]
            own.append(level_lengths(costs, tokens.groups, indices))
            start += costs.shape[1]
        sums: Longs = np.concatenate(own, 1).cumsum(1)
        return sums + self.tables.group_costs[tokens.groups][:, None]

    def counts(self, lengths: Longs) -> Longs:
        """Return the number of tokens that fit, 1 to n, [B].

        lengths: code lengths of the first 1, 2, ... n tokens of each face, in 2^-16 bits, [B, n].
        """
        known = min(lengths.shape[1], self.max_tokens)
        fits = lengths[:, :known] <= self.allowed[:known]
        kept = (fits * np.arange(1, known + 1)).max(1, initial=1)
        return np.asarray(kept, np.int64)

    def is_reached(self, lengths: Longs) -> bool:
        """Whether no face has room for more than n tokens; lengths [B, n]: as in `counts`."""
        n = lengths.shape[1]
        return n >= self.max_tokens or bool((lengths[:, -1] > self.allowed[n - 1]).all())


def level_lengths(costs: Longs, groups: Longs, indices: Longs) -> Longs:
    """Return the code lengths [B, n] of the indices [B, n] of a level's first n tokens.

    costs: the code length of every index, [G or 1, T, K]. groups: [B].
    """
    own = groups if len(costs) > 1 else np.zeros_like(groups)
    return costs[own[:, None], np.arange(indices.shape[1]), indices]
