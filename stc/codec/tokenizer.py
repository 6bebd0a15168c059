"""The level-ordered tokeniser: canvases <-> tokens, with numpy and the native core.

A canvas becomes planes, planes become Z components. Level 0 quantises the directions that matter
most, level 1 what level 0 left over, and so on: a face may stop after any token. Every level has
its own transform, because what matters changes with the size: the early levels are fitted in the
metric of a recogniser, the later ones closer to that of pixels. `stc.codec.torch` has the same for
training and for GPUs.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from stc.codec.core import Core, Matrix
from stc.codec.level import Level
from stc.codec.limit import Limit
from stc.codec.model_file import ModelFile
from stc.codec.planes import PLANE_WEIGHT, Canvases, to_planes
from stc.codec.tokens import Tokens

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]

ROUNDS = 2  # of searching every level again


class Tokenizer:
    """Canvases <-> tokens of one model; safe to use from several threads."""

    def __init__(self, model: ModelFile, core: Core) -> None:
        self.model, self.core = model, core
        self.levels = [Level(model, core, number) for number in range(len(model.level_sizes))]
        self._starts = np.cumsum([0, *model.level_sizes])

    def analyse(self, canvases: Canvases) -> Floats:
        """Canvases uint8 [B, 128, 128, 3] -> components [B, Z]."""
        planes = (to_planes(canvases) - self._mean) * PLANE_WEIGHT
        return self.core.project(planes, self._analysis)

    def planes(self, components: Floats) -> Floats:
        """Components [B, Z] -> planes [B, 6144]."""
        return self.core.expand(components, self._basis) / PLANE_WEIGHT + self._mean

    def encode(self, components: Floats, limit: Limit) -> Tokens:
        """Components [B, Z] -> the tokens that fit, of the group that leaves the least over."""
        number = self.model.group_number
        faces = len(components)
        groups = np.tile(np.arange(number), faces)
        repeated = np.repeat(components, number, 0)
        found = self._quantise(repeated, groups, limit)
        if number > 1:
            rest = repeated - self.dequantise(found)
            errors = np.square(rest, dtype=np.float64).sum(1).reshape(faces, number)
            best = np.arange(faces) * number + errors.argmin(1)
            found = Tokens(found.groups[best], found.indices[best], found.counts[best])
        return self._refine(components, found)

    def _quantise(self, components: Floats, groups: Longs, limit: Limit) -> Tokens:
        """Level by level, until the limit is reached; no token knows what later ones will say."""
        rest, found = components.copy(), []
        tables = self.model.tables
        length = tables.group_costs[groups][:, None] if len(tables.groups) > 1 else 0
        lengths = np.zeros((len(groups), 0), np.int64)
        for level, costs in zip(self.levels, tables.costs, strict=True):
            indices = level.encode(rest, groups)
            found.append(indices)
            own = costs[groups[:, None], np.arange(level.tokens), indices]
            lengths = np.concatenate([lengths, length + own.cumsum(1)], 1)
            length = lengths[:, -1:]
            if limit.is_reached(lengths):
                break
            every = np.full(len(groups), level.tokens)
            rest[:, : level.components] -= level.decode(indices, groups, every)
        return Tokens(groups, np.concatenate(found, 1), limit.counts(lengths))

    def _refine(self, components: Floats, tokens: Tokens) -> Tokens:
        """Better indices for the same groups and counts.

        Every level is searched again with all others held still, `ROUNDS` times over (iterated
        conditional modes, as additive quantizers are encoded: Babenko and Lempitsky 2014, CVPR).
        """
        groups, indices = tokens.groups, tokens.indices.copy()
        rest, parts = components.copy(), {}
        reached = [
            (number, level, slice(self._starts[number], self._starts[number] + level.tokens))
            for number, level in enumerate(self.levels)
            if self._starts[number] < tokens.counts.max(initial=0)
        ]
        if len(reached) == 1:  # no other level to take account of
            return tokens
        for number, level, own in reached:
            parts[number] = level.decode(indices[:, own], groups, tokens.counts - own.start)
            rest[:, : level.components] -= parts[number]
        for number, level, own in reached * ROUNDS:
            there = level.codewords(indices[:, own], groups, tokens.counts - own.start)
            kept = np.arange(own.start, own.stop) < tokens.counts[:, None]
            indices[:, own] = np.where(kept, level.encode(rest, groups, there), indices[:, own])
            rest[:, : level.components] += parts[number]
            parts[number] = level.decode(indices[:, own], groups, tokens.counts - own.start)
            rest[:, : level.components] -= parts[number]
        return Tokens(groups, indices, tokens.counts)

    def dequantise(self, tokens: Tokens) -> Floats:
        """Tokens of B faces -> components [B, Z]."""
        total = np.zeros((len(tokens), self._components), np.float32)
        for level, start in zip(self.levels, self._starts.tolist(), strict=False):
            if start >= tokens.counts.max(initial=0):
                break
            own = tokens.indices[:, start : start + level.tokens]
            total[:, : level.components] += level.decode(own, tokens.groups, tokens.counts - start)
        return total

    def identity_kept(self, source: Floats, other: Floats) -> Floats:
        """The share of a recogniser's view of components [B, Z] that others have too, 0 to 1, [B].

        The first levels' latents are the directions that move a recogniser most, so the energy of
        their error says how much of the identity is gone, without shipping a recogniser. Of these
        levels the second foretells best which faces are lost.
        """
        level = self.levels[:2][-1]
        energy = np.square(level.latents(source)).sum(1)
        lost = np.square(level.latents(source - other)).sum(1)
        kept = 1 - lost / np.maximum(energy, np.float32(1e-12))
        return np.asarray(kept.clip(0, 1), np.float32)

    @cached_property
    def _mean(self) -> Floats:
        return self.model.array("mean").astype(np.float32)

    @cached_property
    def _analysis(self) -> Matrix:
        """[6144, Z]: planes -> components."""
        return self.model.matrix("encoder.analysis")

    @cached_property
    def _basis(self) -> Matrix:
        """[6144, Z]: components -> planes."""
        return self.model.matrix("basis")

    @cached_property
    def _components(self) -> int:
        return int(self._basis.values.shape[1])
