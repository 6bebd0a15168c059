"""The definition of the search, `stc.kernels.definition`, for torch's tensors on any device."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Nearest(NamedTuple):
    """What a search of tensors returns; for groups="all" the last two are [B, G, T]."""

    groups: Tensor  # int64 [B]
    indices: Tensor  # int64 [B, T]
    costs: Tensor  # float32 [B, T]


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """[..., D] and [..., D], broadcast -> [...], in the definition's order of operations."""
    first, *others = zip(a.unbind(-1), b.unbind(-1), strict=True)
    total = (first[0] - first[1]).square()
    for x, y in others:
        total = total + (x - y).square()
    return total


def nearest(
    latents: Tensor, codebooks: Tensor, penalty: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """latents [B, T, D], codebooks [G, T, K, D] -> indices and costs [B, G, T]."""
    costs = squared_distance(latents[:, None, :, None], codebooks)  # [B, G, T, K]
    if penalty is not None:
        costs = costs + penalty
    indices = costs.argmin(3)
    return indices, costs.gather(3, indices[..., None])[..., 0]


def best_group(indices: Tensor, costs: Tensor) -> Nearest:
    """Of indices and costs [B, G, T] those of the group of least total cost."""
    groups = costs.sum(2, dtype=torch.float64).argmin(1)
    images = torch.arange(len(groups), device=groups.device)
    return Nearest(groups, indices[images, groups], costs[images, groups])
