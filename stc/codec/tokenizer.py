"""The tokenizer of residual stages: canvases to tokens and back, with numpy and the native core.

A canvas is converted to planes, and planes to Z components. Level (residual stage) 0 quantizes the
most important directions, level 1 quantizes the residual of level 0, and so on; a face may end
after any token. Each level has a separate transform: the early levels are fitted in the metric of a
recognition model, the later ones in a metric closer to squared error of pixels. `stc.codec.torch`
has the same for training and for GPUs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stc.bitstream import Tables
from stc.bitstream.plain import TOTAL
from stc.codec.core import Core, Matrix
from stc.codec.level import Level
from stc.codec.limit import Limit, level_lengths
from stc.codec.model_file import ModelFile
from stc.codec.planes import PLANE_WEIGHT, Canvases, to_planes
from stc.codec.tokens import Tokens
from stc.fork_lock import cached_property

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]

ROUNDS = 2  # rounds of iterated conditional modes


class Tokenizer:
    """Canvases to tokens of one model, and back; safe to use from several threads."""

    def __init__(self, model: ModelFile, core: Core) -> None:
        self.model, self.core = model, core
        self.levels = [Level(model, core, number) for number in range(len(model.level_sizes))]
        self._starts = np.cumsum([0, *model.level_sizes])

    def analyse(self, canvases: Canvases) -> Floats:
        """Return the components [B, Z] of canvases uint8 [B, 128, 128, 3].

        Raises ValueError for arrays of another shape or type.
        """
        planes = (to_planes(canvases) - self._mean) * PLANE_WEIGHT
        return self.core.project(planes, self._basis)

    def planes(self, components: Floats) -> Floats:
        """Return the planes [B, 6144] of components [B, Z]."""
        return self.core.expand(components, self._basis) / PLANE_WEIGHT + self._mean

    def gradient(self, by_planes: Floats) -> Floats:
        """Convert gradients by planes [B, 6144] to gradients by components [B, Z]."""
        return self.core.project(by_planes / PLANE_WEIGHT, self._basis)

    def encode(self, components: Floats, limit: Limit) -> Tokens:
        """Return the tokens of components [B, Z] that fit the limit, in each face's best group."""
        return self.encode_groups(components, limit, 1)[0]

    def encode_groups(self, components: Floats, limit: Limit, keep: int) -> list[Tokens]:
        """Return the tokens of components [B, Z] that fit, for the `keep` best groups of each face.

        The best group comes first; the list has at most as many entries as the model has groups.
        Groups are compared by cost after the first levels, those with codebooks for every group:
        the squared residual in the metric of the last of these levels that any group reaches,
        plus its rate-distortion weight times the bits.
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
        """Search the residual in one more level, and subtract the codewords found."""
        level = self.levels[number]
        indices = level.encode(state.rest, state.groups)
        state.add(indices, self.model.tables.costs[number])
        every = np.full(len(indices), level.tokens)
        state.rest[:, : level.components] -= level.decode(indices, state.groups, every)

    def _costs(self, state: _State, levels: int, limit: Limit) -> npt.NDArray[np.float64]:
        """The cost of each row for its tokens that fit of the first `levels` levels.

        That is the squared residual plus weighted bits, both measured by the last of the levels
        that the face reaches in any group, so that the costs of its groups can be compared.
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
        """Return tokens nearer to components [B, Z], with the same groups and counts.

        In each of `rounds` rounds every level is searched again while all others are fixed
        (iterated conditional modes: Besag 1986; for additive quantizers Babenko and Lempitsky 2014,
        CVPR).
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
        """Return the components [B, Z] of the tokens of B faces."""
        total = np.zeros((len(tokens), self._components), np.float32)
        for level, start in zip(self.levels, self._starts.tolist(), strict=False):
            if start >= tokens.counts.max(initial=0):
                break
            own = tokens.indices[:, start : start + level.tokens]
            total[:, : level.components] += level.decode(own, tokens.groups, tokens.counts - start)
        return total

    def identity_kept(self, source: Floats, other: Floats) -> Floats:
        """Estimate the share of the identity of components [B, Z] that other components keep.

        Returns float32 [B], 0 to 1: 1 - energy of the error / energy of the source, in latents of
        the second level (of the first, if the model has only one). The latents of the first levels
        are the directions that change the output of a recognition model most, so no recognition
        model has to be shipped. The second level predicts best which faces are not recognised.
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
    """The state of a search: rows of faces in groups, and the levels searched so far."""

    components: Floats  # [R, Z]
    groups: Longs  # [R]
    rest: Floats  # [R, Z] residual of the searched levels
    lengths: Longs  # [R, n] ideal code lengths of the group and the first 1 to n tokens
    start: Longs  # [R, 1] ideal code length of the group
    found: list[Longs]  # indices [R, T] of each searched level

    @classmethod
    def begin(cls, components: Floats, tables: Tables, number: int) -> _State:
        """The rows of every face of components [B, Z] in every group, face after face."""
        groups = np.tile(np.arange(number), len(components))
        repeated = np.repeat(components, number, 0)
        start = tables.group_costs[groups][:, None]
        lengths = np.zeros((len(groups), 0), np.int64)
        return cls(repeated, groups, repeated.copy(), lengths, start, [])

    def add(self, indices: Longs, costs: Longs) -> None:
        """Append the indices [R, T] of a level; costs: its ideal code lengths [G or 1, T, K]."""
        own = level_lengths(costs, self.groups, indices)
        before = self.lengths[:, -1:] if self.found else self.start
        self.lengths = np.concatenate([self.lengths, before + own.cumsum(1)], 1)
        self.found.append(indices)

    def is_full(self, limit: Limit) -> bool:
        """Whether no face has room for more tokens."""
        return bool(self.found) and limit.is_reached(self.lengths)

    def tokens(self, limit: Limit) -> Tokens:
        """The tokens that fit the limit."""
        return Tokens(self.groups, np.concatenate(self.found, 1), limit.counts(self.lengths))

    def part(self, rows: Longs) -> _State:
        """The state of some rows."""
        return _State(
            self.components[rows],
            self.groups[rows],
            self.rest[rows],
            self.lengths[rows],
            self.start[rows],
            [indices[rows] for indices in self.found],
        )
