"""How many tokens of a face may be kept: the limits of a file in tokens and in bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.bitstream import Tables, overhead
from stc.errors import SettingsError
from stc.fork_lock import cached_property
from stc.settings import Settings

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Limit:
    """At most `max_tokens` tokens and, unless None, `max_bytes` bytes.

    While tokens are still being chosen a file's size is foretold by their ideal code lengths,
    whole numbers that every device adds up alike. The entropy coder has the last word: it takes
    away the last tokens of the few faces of which the forecast was too low.
    """

    tables: Tables
    max_tokens: int
    max_bytes: int | None
    bare: bool

    @classmethod
    def of(cls, tables: Tables, settings: Settings) -> Limit:
        """The limit of a model's files. Raises SettingsError for more stages than it has."""
        sizes, stages = tables.level_sizes, settings.stages
        if stages is not None and stages > len(sizes):
            raise SettingsError(f"stages must be 1 to {len(sizes)}, not {stages}")
        return cls(tables, sum(sizes[:stages]), settings.max_bytes, settings.bare)

    @cached_property
    def allowed(self) -> Longs:
        """The largest code length, in 2^-16 bits, of 1, 2, ... tokens that fit, [max_tokens]."""
        counts = range(1, self.max_tokens + 1)
        if self.max_bytes is None:
            return np.full(len(counts), np.iinfo(np.int64).max)
        left = [self.max_bytes - overhead(count, bare=self.bare) for count in counts]
        return np.array(left, np.int64) * (8 << 16)

    def counts(self, lengths: Longs) -> Longs:
        """Code lengths of the first 1 to n tokens [B, n] -> how many are kept, 1 to n, [B]."""
        known = min(lengths.shape[1], self.max_tokens)
        fits = lengths[:, :known] <= self.allowed[:known]
        kept = (fits * np.arange(1, known + 1)).max(1, initial=1)
        return np.asarray(kept, np.int64)

    def is_reached(self, lengths: Longs) -> bool:
        """Whether no face has room for more tokens than the n of its code lengths [B, n]."""
        n = lengths.shape[1]
        return n >= self.max_tokens or bool((lengths[:, -1] > self.allowed[n - 1]).all())
