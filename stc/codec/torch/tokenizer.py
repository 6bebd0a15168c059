"""The level-ordered tokenizer in torch: for training, and for devices that run torch.

`stc.codec.tokenizer` is the same in numpy and says what it does. Here every tensor stays on the
device of the module, and nothing is packed: latents are padded to as many dimensions as the widest
token has, with zeros in codewords, analysis and synthesis alike.
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
    """What a level has of each kind."""

    components: int
    tokens: int
    codewords: int
    dimensions: int  # of the widest token
    groups: int | None = None  # None: as many as the model
    rank: int = 0  # of the metric


class Level(nn.Module):
    """One residual stage: components [B, Z] -> latents [B, T, D] -> codewords -> components.

    A level reads and refines the first `components` of them and leaves the rest alone. It measures
    errors by W = I + identity * factor factor^T, and W times its synthesis is what reads latents.
    Its codebooks are each group's own, or, with one group, shared by all groups of the model.
    """

    synthesis: Tensor  # [T * D, Z]
    factor: Tensor  # [Z, R]
    identity: Tensor  # []
    price: Tensor  # [] squared latent distance that one bit is worth
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
        """What makes a level of the same kind."""
        groups, tokens, codewords = self.bits.shape
        rank = self.factor.shape[1]
        return LevelShape(self.components, tokens, codewords, self.dimensions, groups, rank)

    @property
    def is_shared(self) -> bool:
        """Whether all groups have the same codebooks, where a model has several."""
        return len(self.bits) == 1

    @property
    def analysis(self) -> Tensor:
        """Components to latents, [Z, T * D]: kept from `prepare` on, computed before."""
        if self._analysis is not None:
            return self._analysis
        drawn = self.synthesis.T
        return drawn + self.identity * (self.factor @ (self.factor.T @ drawn))

    def prepare(self) -> None:
        """Make analysis and codebooks ready for searching; again after anything has changed."""
        self._analysis = None
        self._analysis = self.analysis.contiguous()
        self.codebooks.prepare()

    def read_by(self, columns: Tensor, analysis: Tensor) -> None:
        """Read the latents `columns` [C] by an analysis [Z, C] of the caller's until `prepare`."""
        self._analysis = torch.zeros_like(self.analysis)
        self._analysis[:, columns] = analysis

    def size(self, rest: Tensor) -> Tensor:
        """The squares in the level's metric of components [B, all], float64 [B]."""
        seen = rest[:, : self.components] @ self.factor
        plain = rest.double().square().sum(1)
        return plain + self.identity * seen.double().square().sum(1)

    def latents(self, components: Tensor) -> Tensor:
        """Components [B, all] -> latents [B, T, D]."""
        flat = components[:, : self.components] @ self.analysis
        return flat.unflatten(1, (self.tokens, self.dimensions))  # type: ignore[no-any-return]

    def encode(self, components: Tensor, groups: Tensor, there: Tensor | None = None) -> Tensor:
        """Components [B, all] and groups [B] -> indices int64 [B, T].

        there: codewords [B, T, D] that have been taken off the components; they are put back here.
        """
        latents = self.latents(components)
        if there is not None:
            latents = latents + there
        return self.codebooks.nearest(latents, self.own(groups), self.price * self.bits)

    def decode(self, indices: Tensor, groups: Tensor, keep: Tensor | None = None) -> Tensor:
        """Indices [B, n] of the first n tokens -> the level's components [B, Z].

        keep, bool [B, n], leaves out tokens that a face does not have.
        """
        codewords = self.gather(indices, groups)  # [B, n, D]
        if keep is not None:
            codewords = codewords * keep[..., None]
        return codewords.flatten(1) @ self.synthesis[: indices.shape[1] * self.dimensions]

    def gather(self, indices: Tensor, groups: Tensor) -> Tensor:
        """Codewords [B, n, D] of indices [B, n] in groups [B] of the model."""
        return self.codebooks.gather(indices, self.own(groups))

    def own(self, groups: Tensor) -> Tensor:
        """Which of the level's groups faces of the model's groups [B] have."""
        return torch.zeros_like(groups) if self.is_shared else groups


class LevelTokenizer(nn.Module):
    """Canvas <-> indices.

    `shapes` holds what every level has, as a `LevelShape` or its first numbers.
    """

    mean: Tensor  # [6144]
    basis: Tensor  # [6144, Z], orthonormal in weighted planes: components -> planes
    weight: Tensor  # [6144]
    group_bits: Tensor  # [G] ideal code length of every group's number

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
        """What every level has."""
        return [level.shape for level in self.levels]

    @property
    def analysis(self) -> Tensor:
        """Weighted planes to components, [6144, Z]."""
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
        """RGB in [0, 1] [B, 3, 128, 128] -> components [B, Z]."""
        return self.components(to_planes(rgb))

    def components(self, planes: Tensor) -> Tensor:
        """Planes [B, 6144] -> components [B, Z]."""
        return ((planes - self.mean) * self.weight) @ self.analysis

    def planes(self, components: Tensor) -> Tensor:
        """Components [B, Z] -> planes [B, 6144]."""
        return components @ self.basis.T / self.weight + self.mean

    def quantize(self, components: Tensor, groups: Tensor) -> Tensor:
        """Components [B, Z] in groups int64 [B] -> indices int64 [B, tokens], level by level."""
        rest, found = components.clone(), []
        for level in self.levels:
            indices = level.encode(rest, groups)
            rest[:, : level.components] -= level.decode(indices, groups)
            found.append(indices)
        return torch.cat(found, 1)

    def encode(self, components: Tensor) -> tuple[Tensor, Tensor]:
        """Components [B, Z] -> the best group int64 [B] and its indices [B, tokens]."""
        return self.encode_groups(components, 1)[0]

    def encode_groups(self, components: Tensor, keep: int) -> list[tuple[Tensor, Tensor]]:
        """Components [B, Z] -> of the `keep` best groups, the best first, as `encode` gives it.

        Groups are compared by the levels whose codebooks are their own: by what these leave over,
        measured as the last of them does, and by the bits they take.
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
        """Better indices [B, tokens] for faces that stop after counts int64 [B] tokens.

        Level by level no token knows what later ones will say. Here every level is searched again
        with all others held still, `rounds` times over (iterated conditional modes, as additive
        quantizers are encoded: Babenko and Lempitsky 2014, CVPR). The format does not notice.
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
        """Which tokens faces of counts int64 [B] tokens have, bool [B, tokens]."""
        return torch.arange(self.tokens, device=counts.device) < counts[:, None]

    def prepare(self) -> None:
        """Make every level ready for searching; again after it has changed."""
        for level in self.levels:
            level.prepare()

    def dequantize(self, indices: Tensor, groups: Tensor, counts: Tensor | None = None) -> Tensor:
        """Indices [B, n] of the first n tokens -> components [B, Z].

        counts, int64 [B], shortens each face to its own number of tokens.
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
