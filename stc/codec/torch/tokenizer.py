"""The level-ordered tokeniser in torch: for training, and for devices that run torch.

`stc.codec.tokenizer` is the same in numpy and says what it does. Here every tensor stays on the
device of the module, and nothing is packed: latents are padded to as many dimensions as the widest
token has, with zeros in codewords, analysis and synthesis alike.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stc.codec.planes import PLANES
from stc.codec.torch.canvas import plane_weight, to_planes
from stc.codec.torch.codebooks import SwitchableCodebooks


class Level(nn.Module):
    """One residual stage: components [B, Z] -> latents [B, T, D] -> codewords -> components.

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
        return self.codebooks.nearest(latents, groups, self.price * self.bits)

    def decode(self, indices: Tensor, groups: Tensor, keep: Tensor | None = None) -> Tensor:
        """Indices [B, n] of the first n tokens -> the level's components [B, Z].

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
    analysis: Tensor  # [6144, Z], weighted planes -> components; sees more than the basis spans
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
        found, errors = [], []
        for number in range(self.groups):
            groups = torch.full((len(components),), number, device=components.device)
            found.append(self.quantise(components, groups))
            if self.groups == 1:
                return groups, found[0]
            rest = components - self.dequantise(found[-1], groups)
            errors.append(rest.square().sum(1))
        best = torch.stack(errors).argmin(0)
        return best, torch.stack(found)[best, torch.arange(len(best), device=best.device)]

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
            there = level.codebooks.gather(found[number], groups) * kept[..., None]
            found[number] = torch.where(kept, level.encode(rest, groups, there), found[number])
            rest[:, : level.components] += parts[number]
            parts[number] = level.decode(found[number], groups, kept)
            rest[:, : level.components] -= parts[number]
        return torch.cat(found, 1)

    def kept(self, counts: Tensor) -> Tensor:
        """Which tokens faces of counts int64 [B] tokens have, bool [B, tokens]."""
        return torch.arange(self.tokens, device=counts.device) < counts[:, None]

    def prepare(self) -> None:
        """Make every level's codebooks ready for searching; again after they have changed."""
        for level in self.levels:
            level.codebooks.prepare()

    def dequantise(self, indices: Tensor, groups: Tensor, counts: Tensor | None = None) -> Tensor:
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
