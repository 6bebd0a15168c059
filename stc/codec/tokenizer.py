"""The level-ordered tokenizer: canvases <-> tokens, with numpy and the native core.

A canvas becomes planes, planes become Z components. Level 0 quantizes the directions that matter
most, level 1 what level 0 left over, and so on: a face may stop after any token. Every level has
its own transform, because what matters changes with the size: the early levels are fitted in the
metric of a recogniser, the later ones closer to that of pixels. `stc.codec.torch` has the same for
training and for GPUs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.bitstream import Tables
from stc.bitstream.tables import TOTAL
from stc.codec.core import Core, Matrix
from stc.codec.level import Level
from stc.codec.limit import Limit
from stc.codec.model_file import ModelFile
from stc.codec.planes import PLANE_WEIGHT, Canvases, to_planes
from stc.codec.tokens import Tokens
from stc.fork_lock import cached_property

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
        return self.core.project(planes, self._basis)

    def planes(self, components: Floats) -> Floats:
        """Components [B, Z] -> planes [B, 6144]."""
        return self.core.expand(components, self._basis) / PLANE_WEIGHT + self._mean

    def slope(self, by_planes: Floats) -> Floats:
        """A gradient by planes [B, 6144] -> the same by components [B, Z]."""
        return self.core.project(by_planes / PLANE_WEIGHT, self._basis)

    def encode(self, components: Floats, limit: Limit) -> Tokens:
        """Components [B, Z] -> the tokens that fit, of the group that is the best for each face."""
        return self.encode_groups(components, limit, 1)[0]

    def encode_groups(self, components: Floats, limit: Limit, keep: int) -> list[Tokens]:
        """Components [B, Z] -> the tokens that fit, of the `keep` best groups of each face.

        The best comes first; there are no more than the model has groups. Groups are compared by
        the levels whose codebooks are their own: by what these leave over, measured as the last of
        them does, and by the bits they take.
        """
        number = self.model.group_number
        state = _State.begin(components, self.model.tables, number)
        own = 0
        if number > 1:
            while own < len(self.levels) and not self.levels[own].is_shared:
                if own and state.is_full(limit):
                    break
                self._advance(state, own)
                own += 1
        costs = self._costs(state, own, limit).reshape(len(components), number)
        order = costs.argsort(1, kind="stable")[:, :keep]
        found = []
        for groups in order.T:
            mine = state.part(np.arange(len(components)) * number + groups)
            for level in range(own, len(self.levels)):
                if level and mine.is_full(limit):
                    break
                self._advance(mine, level)
            found.append(self.refine(components, mine.tokens(limit)))
        return found

    def _advance(self, state: _State, number: int) -> None:
        """Search one more level for what those before it left over."""
        level = self.levels[number]
        indices = level.encode(state.rest, state.groups)
        state.add(indices, self.model.tables.costs[number])
        every = np.full(len(indices), level.tokens)
        state.rest[:, : level.components] -= level.decode(indices, state.groups, every)

    def _costs(self, state: _State, levels: int, limit: Limit) -> npt.NDArray[np.float64]:
        """Of every row, what its tokens that fit leave over of `levels` levels, and their bits.

        Measured as the last level does that a face reaches in any group.
        """
        costs = np.zeros(len(state.groups))
        if not levels:
            return costs
        tokens, number = state.tokens(limit), self.model.group_number
        rest = state.components - self.dequantize(tokens)
        bits = state.lengths[np.arange(len(rest)), tokens.counts - 1] / TOTAL
        most = tokens.counts.reshape(-1, number).max(1).repeat(number)
        last = np.searchsorted(self._starts[1:levels], most - 1, "right")
        for own in set(last.tolist()):
            mine, level = last == own, self.levels[own]
            costs[mine] = level.metric.size(rest[mine]) + level.price * bits[mine]
        return costs

    def refine(self, components: Floats, tokens: Tokens, rounds: int = ROUNDS) -> Tokens:
        """Better indices for the same groups and counts, given components [B, Z] to come near to.

        Every level is searched again with all others held still, so many rounds (iterated
        conditional modes, as additive quantizers are encoded: Babenko and Lempitsky 2014, CVPR).
        """
        groups, indices = tokens.groups, tokens.indices.copy()
        rest, parts = components.copy(), {}
        reached = [
            (number, level, slice(self._starts[number], self._starts[number] + level.tokens))
            for number, level in enumerate(self.levels)
            if self._starts[number] < tokens.counts.max(initial=0)
        ]
        for number, level, own in reached:
            parts[number] = level.decode(indices[:, own], groups, tokens.counts - own.start)
            rest[:, : level.components] -= parts[number]
        for number, level, own in reached * rounds:
            there = level.codewords(indices[:, own], groups, tokens.counts - own.start)
            kept = np.arange(own.start, own.stop) < tokens.counts[:, None]
            indices[:, own] = np.where(kept, level.encode(rest, groups, there), indices[:, own])
            rest[:, : level.components] += parts[number]
            parts[number] = level.decode(indices[:, own], groups, tokens.counts - own.start)
            rest[:, : level.components] -= parts[number]
        return Tokens(groups, indices, tokens.counts)

    def dequantize(self, tokens: Tokens) -> Floats:
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
    def _basis(self) -> Matrix:
        """[6144, Z]: components -> planes and, since it is orthonormal, planes -> components."""
        return self.model.matrix("basis")

    @cached_property
    def _components(self) -> int:
        return int(self._basis.values.shape[1])


@dataclass(eq=False)
class _State:
    """Faces in groups, as many levels of each searched as there are indices."""

    components: Floats  # [R, Z]
    groups: Longs  # [R]
    rest: Floats  # [R, Z] what the levels have left over
    lengths: Longs  # [R, n] ideal code lengths of the first 1 to n tokens, the group's counted
    start: Longs  # [R, 1] that of the group
    found: list[Longs]  # of every level [R, T]

    @classmethod
    def begin(cls, components: Floats, tables: Tables, number: int) -> _State:
        """Every face [B, Z] in every group, face after face."""
        groups = np.tile(np.arange(number), len(components))
        repeated = np.repeat(components, number, 0)
        start = tables.group_costs[groups][:, None] * (number > 1)
        lengths = np.zeros((len(groups), 0), np.int64)
        return cls(repeated, groups, repeated.copy(), lengths, start, [])

    def add(self, indices: Longs, costs: Longs) -> None:
        """The indices [R, T] of one more level, of code lengths [G or 1, T, K]."""
        groups = self.groups if len(costs) > 1 else np.zeros_like(self.groups)
        own = costs[groups[:, None], np.arange(indices.shape[1]), indices]
        before = self.lengths[:, -1:] if self.found else self.start
        self.lengths = np.concatenate([self.lengths, before + own.cumsum(1)], 1)
        self.found.append(indices)

    def is_full(self, limit: Limit) -> bool:
        """Whether no face has room for more tokens."""
        return bool(self.found) and limit.is_reached(self.lengths)

    def tokens(self, limit: Limit) -> Tokens:
        """What fits of the tokens."""
        return Tokens(self.groups, np.concatenate(self.found, 1), limit.counts(self.lengths))

    def part(self, rows: Longs) -> _State:
        """The same of some rows."""
        return _State(
            self.components[rows],
            self.groups[rows],
            self.rest[rows],
            self.lengths[rows],
            self.start[rows],
            [indices[rows] for indices in self.found],
        )
