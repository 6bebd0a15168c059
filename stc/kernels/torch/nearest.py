"""The definition of the search, `stc.kernels.definition`, for torch tensors on any device."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Nearest(NamedTuple):
    """The result of a search on tensors.

    For groups="all", `groups` has the best group of each image, and the others are [B, G, T].
    """

    groups: Tensor  # int64 [B]
    indices: Tensor  # int64 [B, T]
    costs: Tensor  # float32 [B, T]


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the squared distance [...] of a [..., D] and b [..., D], which broadcast.

    The order of operations is that of the definition.
    """
    first, *others = zip(a.unbind(-1), b.unbind(-1), strict=True)
    total = (first[0] - first[1]).square()
    for x, y in others:
        total = total + (x - y).square()
    return total


def nearest(
    latents: Tensor, codebooks: Tensor, penalty: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the indices and costs [B, G, T] of the nearest codewords.

    latents: [B, T, D]. codebooks: [G, T, K, D]. penalty: [G, T, K].
    """
    costs = squared_distance(latents[:, None, :, None], codebooks)  # [B, G, T, K]
    if penalty is not None:
        costs = costs + penalty
    indices = costs.argmin(3)
    return indices, costs.gather(3, indices[..., None])[..., 0]


def best_group(indices: Tensor, costs: Tensor) -> Nearest:
    """Return the indices and costs [B, T] of the group of least total cost, from [B, G, T]."""
    groups = costs.sum(2, dtype=torch.float64).argmin(1)
    images = torch.arange(len(groups), device=groups.device)
    return Nearest(groups, indices[images, groups], costs[images, groups])
