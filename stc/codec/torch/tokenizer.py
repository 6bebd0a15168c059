"""The level-ordered tokeniser: a linear transform and residual token-specific codebooks.

A canvas becomes planes, planes become Z components. Level 0 quantises the directions that matter
most, level 1 what level 0 left over, and so on: a face may stop after any token.
Every level has its own transform, because what matters changes with the size: the early levels
are fitted in the metric of a recogniser, the later ones closer to that of pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stc.codec.torch.canvas import CHROMA, LUMA, PLANES, to_planes
from stc.codec.torch.codebooks import SwitchableCodebooks


def plane_weight() -> Tensor:
    """[6144]; a chroma sample covers (LUMA / CHROMA) squared luma samples."""
    chroma = PLANES - LUMA * LUMA
    return torch.cat([torch.ones(LUMA * LUMA), torch.full((chroma,), LUMA / CHROMA)])


class Level(nn.Module):
    """One refinement: components [B, Z] -> latents [B, T, D] -> codewords -> components.

    A level reads and refines the first `components` of them and leaves the rest alone.
    """

    analysis: Tensor  # [Z, T * D]
    synthesis: Tensor  # [T * D, Z]
    price: Tensor  # [] squared latent distance that one bit is worth
    bits: Tensor  # [G, T, K] ideal code length of every codeword

    def __init__(
        self, components: int, groups: int, tokens: int, codewords: int, dimensions: int
    ) -> None:
        super().__init__()
        self.components, self.tokens, self.dimensions = components, tokens, dimensions
        self.codebooks = SwitchableCodebooks(groups, tokens, codewords, dimensions)
        self.register_buffer("analysis", torch.zeros(components, tokens * dimensions))
        self.register_buffer("synthesis", torch.zeros(tokens * dimensions, components))
        self.register_buffer("price", torch.zeros(()))
        self.register_buffer("bits", torch.zeros(groups, tokens, codewords))

    def encode(self, components: Tensor, groups: Tensor) -> Tensor:
        """Components [B, Z] and groups [B] -> indices int64 [B, T]."""
        own = components[:, : self.components]
        latents = (own @ self.analysis).unflatten(1, (self.tokens, self.dimensions))
        return self.codebooks.nearest(latents, groups, self.price * self.bits)

    def decode(self, indices: Tensor, groups: Tensor, keep: Tensor | None = None) -> Tensor:
        """Indices [B, n] of the first n tokens -> the level's components [B, Z_l].

        keep, bool [B, n], leaves out tokens that a face does not have.
        """
        codewords = self.codebooks.gather(indices, groups)  # [B, n, D]
        if keep is not None:
            codewords = codewords * keep[..., None]
        return codewords.flatten(1) @ self.synthesis[: indices.shape[1] * self.dimensions]


class LevelTokenizer(nn.Module):
    """Canvas <-> indices.

    `shapes` holds (components, tokens, codewords, dimensions) of every level.
    """

    mean: Tensor  # [6144]
    basis: Tensor  # [6144, Z], orthonormal in weighted planes: components -> planes
    analysis: Tensor  # [6144, Z], planes -> components; the basis itself, or more than it sees
    weight: Tensor  # [6144]

    def __init__(
        self, components: int, groups: int, shapes: list[tuple[int, int, int, int]]
    ) -> None:
        super().__init__()
        self.groups = groups
        self.register_buffer("mean", torch.zeros(PLANES))
        self.register_buffer("basis", torch.zeros(PLANES, components))
        self.register_buffer("analysis", torch.zeros(PLANES, components))
        self.register_buffer("weight", plane_weight(), persistent=False)
        levels = (Level(z, groups, t, k, d) for z, t, k, d in shapes)
        self.levels: list[Level] = nn.ModuleList(levels)  # type: ignore[assignment]

    @property
    def level_sizes(self) -> list[int]:
        return [level.tokens for level in self.levels]

    @property
    def tokens(self) -> int:
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

    def quantise(self, components: Tensor, groups: Tensor) -> Tensor:
        """Components [B, Z] in groups int64 [B] -> indices int64 [B, tokens], level by level."""
        rest, found = components.clone(), []
        for level in self.levels:
            indices = level.encode(rest, groups)
            rest[:, : level.components] -= level.decode(indices, groups)
            found.append(indices)
        return torch.cat(found, 1)

    def encode(self, components: Tensor) -> tuple[Tensor, Tensor]:
        """Components [B, Z] -> the group of least error int64 [B] and its indices [B, tokens]."""
        faces, found, errors = len(components), [], []
        if self.groups == 1:
            groups = torch.zeros(faces, dtype=torch.long)
            return groups, self.quantise(components, groups)
        for group in range(self.groups):
            groups = torch.full((faces,), group, dtype=torch.long)
            found.append(self.quantise(components, groups))
            rest = components - self.dequantise(found[-1], groups)
            errors.append(rest.square().sum(1))
        best = torch.stack(errors).argmin(0)
        return best, torch.stack(found)[best, torch.arange(faces)]

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
        quantisers are encoded: Babenko and Lempitsky 2014, CVPR). The format does not notice.
        """
        found = list(indices.split(self.level_sizes, 1))
        keeps = (torch.arange(self.tokens) < counts[:, None]).split(self.level_sizes, 1)
        reached = [number for number, kept in enumerate(keeps) if kept.any()]
        rest, parts = components.clone(), {}
        for number in reached:
            level = self.levels[number]
            parts[number] = level.decode(found[number], groups, keeps[number])
            rest[:, : level.components] -= parts[number]
        for number in reached * rounds:
            level, kept = self.levels[number], keeps[number]
            rest[:, : level.components] += parts[number]
            found[number] = torch.where(kept, level.encode(rest, groups), found[number])
            parts[number] = level.decode(found[number], groups, kept)
            rest[:, : level.components] -= parts[number]
        return torch.cat(found, 1)

    def prepare(self) -> None:
        """Make every level's codebooks ready for searching; again after they have changed."""
        for level in self.levels:
            level.codebooks.prepare()

    def dequantise(self, indices: Tensor, groups: Tensor, counts: Tensor | None = None) -> Tensor:
        """Indices [B, n] of the first n tokens -> components [B, Z].

        counts, int64 [B], shortens each face to its own number of tokens.
        """
        total, start = indices.new_zeros(len(indices), self.basis.shape[1]).to(self.basis), 0
        for level in self.levels:
            part = indices[:, start : start + level.tokens]
            if part.shape[1] == 0:
                break
            keep = None
            if counts is not None:
                keep = torch.arange(start, start + part.shape[1]) < counts[:, None]
            total[:, : level.components] += level.decode(part, groups, keep)
            start += level.tokens
        return total
