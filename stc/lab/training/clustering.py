"""k-means clustering, which initialises codebooks and groups."""

from __future__ import annotations

import torch
from torch import Tensor

POLISH = 3  # rounds with all points, at the end of `kmeans`


def nearest(x: Tensor, codebook: Tensor) -> Tensor:
    """The index of the row of codebook [K, D] nearest to each of x [N, D], int64 [N]."""
    return torch.cat(
        [
            torch.addmm(codebook.square().sum(1)[None], part, codebook.T, alpha=-2).argmin(1)
            for part in x.split(8192)
        ]
    )


def kmeans(x: Tensor, weight: Tensor, codewords: int, rounds: int = 10) -> Tensor:
    """k-means centres [K, D] of x [N, D] with weight [N], sorted by use, the most used first.

    The first `rounds` use a random half of x, the last POLISH all of x. It uses torch's global
    random generator.
    """
    codebook = x[torch.randperm(len(x))[:codewords]].clone()
    half = torch.randperm(len(x))[: len(x) // 2]
    count = torch.ones(codewords)
    for step in range(rounds + POLISH):
        points, mass = (x[half], weight[half]) if step < rounds else (x, weight)
        owner = nearest(points, codebook)
        count = torch.bincount(owner, mass, minlength=codewords)
        total = torch.zeros_like(codebook).index_add_(0, owner, points * mass[:, None])
        spare = points[torch.randint(len(points), (codewords,))]
        codebook = torch.where(count[:, None] > 0, total / count[:, None].clamp_min(1e-6), spare)
    return codebook[torch.argsort(count, descending=True, stable=True)]
