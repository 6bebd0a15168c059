"""The tokenizer of residual stages in torch: for training, and for devices that run torch.

`stc.codec.tokenizer` is the same in numpy and describes the method. Here every tensor stays on the
device of the module, and all tokens are padded to the number of dimensions of the widest token,
with zeros in codewords, analysis and synthesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from stc.codec.planes import PLANES
from stc.codec.torch.canvas import plane_weight, to_planes
from stc.codec.torch.codebooks import SwitchableCodebooks


class LevelShape(NamedTuple):
    """The sizes of a level."""

    components: int
    tokens: int
    codewords: int
    dimensions: int  # of the widest token
    groups: int | None = None  # None: the model's number of groups
    rank: int = 0  # columns of the metric's factor


class Level(nn.Module):
    """One residual stage: components [B, Z] -> latents [B, T, D] -> codewords -> components.

    A level quantizes the first `components` components. Its error metric is
    W = I + identity * factor factor^T, and W times its synthesis is the analysis, which computes
    latents (see `stc.codec.metric`). It has codebooks for every group of the model, or, with one
    group, codebooks that all groups share.
    """

    synthesis: Tensor  # [T * D, Z]
    factor: Tensor  # [Z, R]
    identity: Tensor  # []
    price: Tensor  # [] rate-distortion weight: squared latent error that one bit is worth
    bits: Tensor  # [G, T, K] ideal code length of every codeword

    def __init__(
        self,
        components: int,
        groups: int,
        tokens: int,
        codewords: int,
        dimensions: int,
        rank: int = 0,
    ) -> None:
        super().__init__()
        self.components, self.tokens, self.dimensions = components, tokens, dimensions
        self.codebooks = SwitchableCodebooks(groups, tokens, codewords, dimensions)
        self.register_buffer("synthesis", torch.zeros(tokens * dimensions, components))
        self.register_buffer("factor", torch.zeros(components, rank))
        self.register_buffer("identity", torch.zeros(()))
        self.register_buffer("price", torch.zeros(()))
        self.register_buffer("bits", torch.zeros(groups, tokens, codewords))
        self.register_buffer("_analysis", None, persistent=False)

    @property
    def shape(self) -> LevelShape:
        """The sizes of the level."""
        groups, tokens, codewords = self.bits.shape
        rank = self.factor.shape[1]
        return LevelShape(self.components, tokens, codewords, self.dimensions, groups, rank)

    @property
    def is_shared(self) -> bool:
        """Whether all groups have the same codebooks, where a model has several."""
        return len(self.bits) == 1

    @property
    def analysis(self) -> Tensor:
        """The analysis, components to latents, [Z, T * D]; cached after `prepare`."""
        if self._analysis is not None:
            return self._analysis
        drawn = self.synthesis.T
        return drawn + self.identity * (self.factor @ (self.factor.T @ drawn))

    def prepare(self) -> None:
        """Prepare analysis and codebooks for the search. Call it again after any change."""
        self._analysis = None
        self._analysis = self.analysis.contiguous()
        self.codebooks.prepare()

    def read_by(self, columns: Tensor, analysis: Tensor) -> None:
        """Set the columns [C] of the analysis to a given matrix [Z, C], and the others to 0.

        `prepare` replaces it again.
        """
        self._analysis = torch.zeros_like(self.analysis)
        self._analysis[:, columns] = analysis

    def size(self, rest: Tensor) -> Tensor:
        """Return the squared lengths of components [B, all] in the level's metric, float64 [B]."""
        seen = rest[:, : self.components] @ self.factor
        plain = rest.double().square().sum(1)
        return plain + self.identity * seen.double().square().sum(1)

    def latents(self, components: Tensor) -> Tensor:
        """Return the latents [B, T, D] of components [B, all]."""
        flat = components[:, : self.components] @ self.analysis
        return flat.unflatten(1, (self.tokens, self.dimensions))  # type: ignore[no-any-return]

    def encode(self, components: Tensor, groups: Tensor, there: Tensor | None = None) -> Tensor:
        """Return the indices int64 [B, T] of components [B, all] in groups [B].

        there: codewords [B, T, D] that have been subtracted from the components; they are added to
        the latents again.
        """
        latents = self.latents(components)
        if there is not None:
            latents = latents + there
        return self.codebooks.nearest(latents, self.own(groups), self.price * self.bits)

    def decode(self, indices: Tensor, groups: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return the components [B, Z] of the indices [B, n] of the first n tokens.

        keep: bool [B, n], false for tokens that a face does not have.
        """
        codewords = self.gather(indices, groups)  # [B, n, D]
        if keep is not None:
            codewords = codewords * keep[..., None]
        return codewords.flatten(1) @ self.synthesis[: indices.shape[1] * self.dimensions]

    def gather(self, indices: Tensor, groups: Tensor) -> Tensor:
        """Return the codewords [B, n, D] of indices [B, n] in groups [B] of the model."""
        return self.codebooks.gather(indices, self.own(groups))

    def own(self, groups: Tensor) -> Tensor:
        """Return the groups of the level's codebooks for groups [B] of the model: 0 if shared."""
        return torch.zeros_like(groups) if self.is_shared else groups


class LevelTokenizer(nn.Module):
    """Canvases to indices, and back.

    shapes: the sizes of every level, as a `LevelShape` or a tuple of its first fields.
    """

    mean: Tensor  # [6144]
    basis: Tensor  # [6144, Z], orthonormal: components to weighted planes
    weight: Tensor  # [6144]
    group_bits: Tensor  # [G] ideal code length of every group's index

    def __init__(
        self, components: int, groups: int, shapes: Sequence[LevelShape | tuple[int, ...]]
    ) -> None:
        super().__init__()
        self.groups = groups
        self.register_buffer("mean", torch.zeros(PLANES))
        self.register_buffer("basis", torch.zeros(PLANES, components))
        self.register_buffer("group_bits", torch.zeros(groups))
        self.register_buffer("weight", plane_weight(), persistent=False)
        levels = []
        for shape in shapes:
            z, t, k, d, own, rank = LevelShape(*shape)
            levels.append(Level(z, groups if own is None else own, t, k, d, rank))
        self.levels: list[Level] = nn.ModuleList(levels)  # type: ignore[assignment]

    @property
    def shapes(self) -> list[LevelShape]:
        """The sizes of every level."""
        return [level.shape for level in self.levels]

    @property
    def analysis(self) -> Tensor:
        """The matrix from weighted planes to components, [6144, Z]."""
        return self.basis

    @property
    def level_sizes(self) -> list[int]:
        """Number of tokens in every level."""
        return [level.tokens for level in self.levels]

    @property
    def tokens(self) -> int:
        """Number of tokens in all levels."""
        return sum(self.level_sizes)

    def analyse(self, rgb: Tensor) -> Tensor:
        """Return the components [B, Z] of RGB [B, 3, 128, 128] in [0, 1]."""
        return self.components(to_planes(rgb))

    def components(self, planes: Tensor) -> Tensor:
        """Return the components [B, Z] of planes [B, 6144]."""
        return ((planes - self.mean) * self.weight) @ self.analysis

    def planes(self, components: Tensor) -> Tensor:
        """Return the planes [B, 6144] of components [B, Z]."""
        return components @ self.basis.T / self.weight + self.mean

    def quantize(self, components: Tensor, groups: Tensor) -> Tensor:
        """Return the indices int64 [B, tokens] of components [B, Z] in groups int64 [B].

        The levels are searched once each, in order.
        """
        rest, found = components.clone(), []
        for level in self.levels:
            indices = level.encode(rest, groups)
            rest[:, : level.components] -= level.decode(indices, groups)
            found.append(indices)
        return torch.cat(found, 1)

    def encode(self, components: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best group int64 [B] of components [B, Z], and its indices [B, tokens]."""
        return self.encode_groups(components, 1)[0]

    def encode_groups(self, components: Tensor, keep: int) -> list[tuple[Tensor, Tensor]]:
        """Return the `keep` best groups of components [B, Z] as `encode` does, the best first.

        Groups are compared by cost after the first levels, those with codebooks for every group:
        the squared residual in the metric of the last of these levels, plus its rate-distortion
        weight times the bits.
        """
        number, faces = self.groups, len(components)
        own = 0
        while number > 1 and own < len(self.levels) and not self.levels[own].is_shared:
            own += 1
        groups = torch.arange(number, device=components.device).repeat(faces)
        rest, found = components.repeat_interleave(number, 0), []
        bits = self.group_bits[groups].double()
        for level in self.levels[:own]:
            indices = level.encode(rest, groups)
            rest[:, : level.components] -= level.decode(indices, groups)
            token = torch.arange(level.tokens, device=indices.device)
            bits += level.bits[groups[:, None], token, indices].double().sum(1)
            found.append(indices)
        costs = bits
        if own:
            last = self.levels[own - 1]
            costs = last.size(rest) + last.price * bits
        order = costs.view(faces, number).argsort(dim=1, stable=True)[:, :keep]
        kept = []
        for best in order.T:
            rows = torch.arange(faces, device=best.device) * number + best
            left, chosen = rest[rows], [indices[rows] for indices in found]
            for level in self.levels[own:]:
                chosen.append(level.encode(left, best))
                left[:, : level.components] -= level.decode(chosen[-1], best)
            kept.append((best, torch.cat(chosen, 1)))
        return kept

    def refine(
        self,
        components: Tensor,
        groups: Tensor,
        indices: Tensor,
        counts: Tensor,
        rounds: int = 2,
    ) -> Tensor:
        """Return indices [B, tokens] nearer to components [B, Z], for counts int64 [B] tokens.

        `quantize` chooses each token without knowing the later ones. Here every level is searched
        again while all others are fixed, in `rounds` rounds (iterated conditional modes: Besag
        1986; for additive quantizers Babenko and Lempitsky 2014, CVPR).
        """
        found = list(indices.split(self.level_sizes, 1))
        keeps = self.kept(counts).split(self.level_sizes, 1)
        reached = [number for number, kept in enumerate(keeps) if kept.any()]
        rest, parts = components.clone(), {}
        for number in reached:
            level = self.levels[number]
            parts[number] = level.decode(found[number], groups, keeps[number])
            rest[:, : level.components] -= parts[number]
        for number in reached * rounds:
            level, kept = self.levels[number], keeps[number]
            there = level.gather(found[number], groups) * kept[..., None]
            found[number] = torch.where(kept, level.encode(rest, groups, there), found[number])
            rest[:, : level.components] += parts[number]
            parts[number] = level.decode(found[number], groups, kept)
            rest[:, : level.components] -= parts[number]
        return torch.cat(found, 1)

    def kept(self, counts: Tensor) -> Tensor:
        """Return a mask bool [B, tokens]: true for the first counts int64 [B] tokens of a face."""
        return torch.arange(self.tokens, device=counts.device) < counts[:, None]

    def prepare(self) -> None:
        """Prepare every level for the search. Call it again after any change."""
        for level in self.levels:
            level.prepare()

    def dequantize(self, indices: Tensor, groups: Tensor, counts: Tensor | None = None) -> Tensor:
        """Return the components [B, Z] of the indices [B, n] of the first n tokens.

        counts: int64 [B], the number of tokens of each face; None: n tokens for all.
        """
        total, start = self.basis.new_zeros(len(indices), self.basis.shape[1]), 0
        keep = None if counts is None else self.kept(counts)
        for level in self.levels:
            own = slice(start, min(start + level.tokens, indices.shape[1]))
            if own.start >= own.stop:
                break
            part = None if keep is None else keep[:, own]
            total[:, : level.components] += level.decode(indices[:, own], groups, part)
            start += level.tokens
        return total
