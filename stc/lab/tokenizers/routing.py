"""Learned routing: a network chooses the group of codebooks of an image, without a search."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Router(nn.Module):
    """A router: latents [B, T, D] -> logits [B, G] ("CR" in STSCQ, arXiv 2510.22943, section 3).

    The latents are pooled to mean and variance over the tokens, so that the size of the network
    does not depend on T: 0.03 MiB for 256 groups and 12 dimensions.
    """

    def __init__(self, dimensions: int, groups: int) -> None:
        super().__init__()
        self.dimensions, self.groups = dimensions, groups
        pooled = 2 * dimensions
        self.layers = nn.Sequential(nn.Linear(pooled, pooled), nn.SiLU(), nn.Linear(pooled, groups))

    def forward(self, latents: Tensor) -> Tensor:
        variance, mean = torch.var_mean(latents, 1, correction=0)
        return self.layers(torch.cat([mean, variance], 1))  # type: ignore[no-any-return]
