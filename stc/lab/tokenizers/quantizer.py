"""STC's quantizer for any tokenizer: latents [B, T, D] <-> a group and T indices.

All four arrangements of codebooks of STSCQ (arXiv 2510.22943, section 3) are one tensor
[G, T or 1, K, D]: switchable ones allow G > 1, token-specific ones have a codebook for each token.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from stc.kernels.torch import Nearest, PreparedCodebooks, search
from stc.kernels.torch.nearest import best_group, nearest
from stc.kernels.torch.prepared import MAX_DIMENSIONS
from stc.lab.tokenizers.routing import Router

Kind = Literal["global", "token-specific", "switchable", "switchable-token-specific"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Indices, of 8 bytes each, in memory at once in a search of all groups of shared codebooks.
PIECE = 1 << 22


@dataclass(frozen=True)
class Arrangement:
    """How tokens and images share codebooks.

    Raises ValueError for an unknown kind, and for groups in a kind that is not switchable.
    """

    kind: Kind
    codewords: int  # K, of each codebook
    groups: int = 1  # G, of which an image uses one

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no arrangement {self.kind!r}: there are {', '.join(KINDS)}")
        if self.codewords < 1 or self.groups < 1:
            raise ValueError(
                f"at least one codeword and one group, not {self.codewords} and {self.groups}"
            )
        if self.groups > 1 and not self.switchable:
            raise ValueError(f"{self.kind} has one group, not {self.groups}")

    @property
    def switchable(self) -> bool:
        """Whether there can be several groups."""
        return self.kind.startswith("switchable")

    @property
    def token_specific(self) -> bool:
        """Whether every token has its own codebook."""
        return self.kind.endswith("token-specific")

    def bits(self, tokens: int) -> float:
        """The bits of an image of T tokens without entropy coding: T log2 K + log2 G."""
        return tokens * math.log2(self.codewords) + math.log2(self.groups)

    def bytes(self, tokens: int) -> int:
        """`bits` in bytes, rounded up."""
        return math.ceil(self.bits(tokens) / 8)


class SwitchableQuantizer(nn.Module):
    """A quantizer: latents <-> groups and indices; `codebooks` is the parameter [G, T or 1, K, D].

    Codebooks are random at first; `initialise` sets them to latents. Methods raise ValueError if
    latents are not [B, T, D], or contain NaN or infinity.
    """

    def __init__(self, arrangement: Arrangement, tokens: int, dimensions: int) -> None:
        super().__init__()
        self.arrangement, self.tokens, self.dimensions = arrangement, tokens, dimensions
        books = tokens if arrangement.token_specific else 1
        self.codebooks = nn.Parameter(
            torch.randn(arrangement.groups, books, arrangement.codewords, dimensions)
        )
        self._prepared: PreparedCodebooks | None = None

    @torch.no_grad()
    def initialise(self, latents: Tensor) -> None:
        """Set the codewords to random latents of [N, T, D]; token-specific ones of their token."""
        self._prepared = None
        books = self.codebooks.shape[1]
        places = latents if books > 1 else latents.reshape(-1, 1, self.dimensions)
        drawn = torch.randint(len(places), self.codebooks.shape[:3], device=latents.device)
        token = torch.arange(places.shape[1], device=latents.device)[:, None]
        self.codebooks.copy_(places[drawn, token])

    def prepare(self) -> None:
        """Precompute the search; the codebooks must not change afterwards."""
        if self.dimensions <= MAX_DIMENSIONS:
            self._prepared = PreparedCodebooks(self.codebooks)

    def route(self, latents: Tensor, router: Router | None = None) -> Tensor:
        """The group of every image of latents [B, T, D], int64 [B].

        Without a router it is the group of least total squared error (exhaustive routing), with one
        the group of the largest logit.
        """
        if router is None:
            return self._search(latents, "best").groups
        with torch.no_grad():
            return router(latents).argmax(1)  # type: ignore[no-any-return]

    def encode(self, latents: Tensor, groups: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Quantize latents [B, T, D] -> groups int64 [B] and indices int64 [B, T].

        groups: int64 [B]; if None, the groups of least total squared error.
        """
        found = self._search(latents, "best" if groups is None else groups)
        return found.groups, found.indices

    def decode(self, groups: Tensor, indices: Tensor) -> Tensor:
        """The codewords [B, T, D] of groups int64 [B] and indices int64 [B, T]."""
        token = torch.arange(self.tokens, device=indices.device)
        return self.codebooks[groups[:, None], token % self.codebooks.shape[1], indices]

    def forward(
        self, latents: Tensor, groups: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Codewords [B, T, D], groups [B] and indices [B, T] of latents [B, T, D].

        The gradient of the output is passed both to the codewords and to the latents
        (straight-through estimator, van den Oord et al. 2017, arXiv 1711.00937).
        """
        groups, indices = self.encode(latents, groups)
        return self.decode(groups, indices) + (latents - latents.detach()), groups, indices

    def errors(self, latents: Tensor) -> Tensor:
        """The squared errors of latents [B, T, D] in every group, [B, G], for training a router."""
        return self._search(latents, "all").costs.sum(2)

    def _search(self, latents: Tensor, groups: Literal["best", "all"] | Tensor) -> Nearest:
        """As `stc.kernels.torch.search`, for all arrangements and any number of dimensions."""
        if latents.ndim != 3 or latents.shape[1:] != (self.tokens, self.dimensions):
            raise ValueError(
                f"latents must be [B, {self.tokens}, {self.dimensions}], not {tuple(latents.shape)}"
            )
        if self.dimensions > MAX_DIMENSIONS:
            return _wide_search(latents, self.codebooks.expand(-1, self.tokens, -1, -1), groups)
        codebooks = self.codebooks if self._prepared is None else self._prepared
        if self.arrangement.token_specific:
            return search(latents, codebooks, groups=groups)
        if not isinstance(groups, Tensor):
            size = max(1, PIECE // (self.arrangement.groups * self.tokens))
            parts = [self._compete(part, codebooks) for part in latents.split(size)]
            if groups == "best":
                parts = [best_group(part.indices, part.costs) for part in parts]
            return Nearest(*(torch.cat(field) for field in zip(*parts, strict=True)))
        single = latents.reshape(-1, 1, self.dimensions)
        found = search(single, codebooks, groups=groups.repeat_interleave(self.tokens))
        shape = latents.shape[:2]
        return Nearest(groups, found.indices.view(shape), found.costs.view(shape))

    def _compete(self, latents: Tensor, codebooks: Tensor | PreparedCodebooks) -> Nearest:
        """Search all groups of shared codebooks, with each token as an image of one token."""
        found = search(latents.reshape(-1, 1, self.dimensions), codebooks, groups="all")
        shape = (len(latents), self.tokens, self.arrangement.groups)
        indices = found.indices.view(shape).transpose(1, 2)
        costs = found.costs.view(shape).transpose(1, 2)
        return Nearest(best_group(indices, costs).groups, indices, costs)


@torch.no_grad()
def _wide_search(
    latents: Tensor, codebooks: Tensor, groups: Literal["best", "all"] | Tensor
) -> Nearest:
    """A simple search, image by image, for more dimensions than the kernels support."""
    if isinstance(groups, Tensor):
        one = [
            nearest(z, codebooks[g]) for z, g in zip(latents.split(1), groups.split(1), strict=True)
        ]
        indices, costs = (torch.cat(field)[:, 0] for field in zip(*one, strict=True))
        return Nearest(groups, indices, costs)
    every = [nearest(z, codebooks) for z in latents.split(1)]
    indices, costs = (torch.cat(field) for field in zip(*every, strict=True))
    best = best_group(indices, costs)
    return best if groups == "best" else Nearest(best.groups, indices, costs)


class Use(NamedTuple):
    """How evenly alternatives are used."""

    share: Tensor  # of the alternatives that were ever chosen
    perplexity: Tensor  # exp(entropy) of the choices


def _use(counts: Tensor) -> Use:
    """Share and perplexity [...] of counts [..., K] of choices; both are 0 if all counts are 0."""
    total = counts.sum(-1, keepdim=True)
    frequency = counts / total.clamp_min(1)
    entropy = torch.special.entr(frequency).sum(-1)
    return Use((counts > 0).float().mean(-1), entropy.exp() * (total[..., 0] > 0))


def codebook_use(indices: Tensor, groups: Tensor, arrangement: Arrangement) -> Use:
    """The use of the K codewords by every token in every group, [G, T].

    indices: int64 [N, T] of N images in groups int64 [N]. `.share.mean(0)` is the use per token,
    `.share.mean()` the "mean codebook use" of STSCQ.
    """
    tokens, size = indices.shape[1], arrangement.codewords
    book = groups[:, None] * tokens + torch.arange(tokens, device=indices.device)
    counts = torch.bincount(
        (book * size + indices).flatten(), minlength=arrangement.groups * tokens * size
    )
    return _use(counts.view(arrangement.groups, tokens, size))


def group_use(groups: Tensor, arrangement: Arrangement) -> Use:
    """The use of the G groups by images in groups int64 [N], scalars."""
    return _use(torch.bincount(groups, minlength=arrangement.groups))
