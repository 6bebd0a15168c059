"""Switchable token-specific codebooks (STSCQ, arXiv 2510.22943, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stc.kernels.torch import PreparedCodebooks, search


class SwitchableCodebooks(nn.Module):
    """A separate codebook for every token in every group.

    `weight` is [G, T, K, D]: G groups, of which an image uses one, T tokens, K codewords of D
    dimensions. Dimensions that a token does not use are zero in all its codewords.
    """

    weight: Tensor

    def __init__(self, groups: int, tokens: int, codewords: int, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(groups, tokens, codewords, dimensions))
        self._prepared: PreparedCodebooks | None = None

    def prepare(self) -> None:
        """Prepare the codebooks for the search. Call it again if they change afterwards."""
        self._prepared = PreparedCodebooks(self.weight)

    def nearest(self, latents: Tensor, groups: Tensor, penalty: Tensor | None = None) -> Tensor:
        """Return the index of the codeword of least cost for every token, int64 [B, T].

        latents: [B, T, D]. groups: int64 [B]. penalty: [G, T, K], added to the squared distance.
        """
        codebooks = self.weight if self._prepared is None else self._prepared
        return search(latents, codebooks, groups=groups, penalty=penalty).indices

    def gather(self, indices: Tensor, groups: Tensor) -> Tensor:
        """Return the codewords [B, n, D] of indices int64 [B, n] in groups int64 [B]."""
        tokens = torch.arange(indices.shape[1], device=indices.device)
        return self.weight[groups[:, None], tokens, indices]
