"""Switchable token-specific codebooks (STSCQ, arXiv 2510.22943, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stc.kernels.torch import PreparedCodebooks, search


class SwitchableCodebooks(nn.Module):
    """An independent codebook for every token in every group.

    `weight` is [G, T, K, D]: G groups of which an image uses one, T tokens, K codewords of D
    dimensions. Dimensions that a token does not use are zero in all its codewords.
    """

    weight: Tensor

    def __init__(self, groups: int, tokens: int, codewords: int, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(groups, tokens, codewords, dimensions))
        self._prepared: PreparedCodebooks | None = None

    def prepare(self) -> None:
        """Make the codebooks ready for searching, once; they must not change afterwards."""
        self._prepared = PreparedCodebooks(self.weight)

    def nearest(self, latents: Tensor, groups: Tensor, penalty: Tensor | None = None) -> Tensor:
        """Index of the cheapest codeword of every token.

        latents [B, T, D], groups int64 [B], penalty [G, T, K] added to the squared distance
        -> int64 [B, T].
        """
        codebooks = self.weight if self._prepared is None else self._prepared
        return search(latents, codebooks, groups=groups, penalty=penalty).indices

    def gather(self, indices: Tensor, groups: Tensor) -> Tensor:
        """Codewords of int64 [B, T] indices in groups int64 [B] -> [B, T, D]."""
        tokens = torch.arange(indices.shape[1], device=indices.device)
        return self.weight[groups[:, None], tokens, indices]
