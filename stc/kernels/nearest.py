"""Nearest-codeword search, as plain torch: the definition that every faster backend must match."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor


class Nearest(NamedTuple):
    """What a search returns; for groups="all" the last two are [B, G, T]."""

    groups: Tensor  # int64 [B]
    indices: Tensor  # int64 [B, T]
    costs: Tensor  # float32 [B, T]


def search(
    latents: Tensor,
    codebooks: Tensor,
    *,
    groups: Literal["best", "all"] | Tensor = "best",
    penalty: Tensor | None = None,
) -> Nearest:
    """The cheapest codeword of every token, and the group of least total cost.

    latents [B, T, D], codebooks [G, T, K, D]; cost of a codeword = squared distance
    + penalty [G, T, K]. groups: "best" picks one group an image, an int tensor [B] gives it,
    "all" returns every group. Ties go to the lowest index and the lowest group.

    Raises ValueError for shapes that do not fit and for NaN or infinite latents.
    """
    latents = latents.float()
    _check(latents, codebooks, penalty)
    if isinstance(groups, Tensor):
        indices = torch.zeros(latents.shape[:2], dtype=torch.long)
        costs = torch.zeros(latents.shape[:2])
        for group in groups.unique().tolist():
            rows = groups == group
            indices[rows], costs[rows] = _one_group(latents[rows], codebooks, penalty, group)
        return Nearest(groups, indices, costs)
    every = [_one_group(latents, codebooks, penalty, g) for g in range(len(codebooks))]
    indices = torch.stack([found for found, _ in every], 1)  # [B, G, T]
    costs = torch.stack([cost for _, cost in every], 1)
    best = costs.sum(2).argmin(1)
    if groups == "all":
        return Nearest(best, indices, costs)
    faces = torch.arange(len(latents))
    return Nearest(best, indices[faces, best], costs[faces, best])


def _one_group(
    latents: Tensor, codebooks: Tensor, penalty: Tensor | None, group: int
) -> tuple[Tensor, Tensor]:
    """[B, T, D] against group g of [G, T, K, D] -> indices and costs [B, T]."""
    # Centred per token: the expanded square loses its digits when the mean is large.
    centre = codebooks[group].mean(1, keepdim=True)  # [T, 1, D]
    codewords = codebooks[group] - centre
    z = latents.transpose(0, 1) - centre  # [T, B, D]
    price = 0 if penalty is None else penalty[group]  # [T, K]
    bias = codewords.square().sum(2) + price
    indices = torch.baddbmm(bias[:, None], z, codewords.transpose(1, 2), alpha=-2).argmin(2)
    winners = codewords.gather(1, indices[..., None].expand(-1, -1, z.shape[2]))  # [T, B, D]
    costs = (z - winners).square().sum(2)
    if penalty is not None:
        costs = costs + penalty[group].gather(1, indices)
    return indices.T, costs.T


def _check(latents: Tensor, codebooks: Tensor, penalty: Tensor | None) -> None:
    if latents.ndim != 3 or codebooks.ndim != 4:
        raise ValueError(
            f"latents must be [B, T, D] and codebooks [G, T, K, D], "
            f"not {tuple(latents.shape)} and {tuple(codebooks.shape)}"
        )
    if latents.shape[1] != codebooks.shape[1] or latents.shape[2] != codebooks.shape[3]:
        raise ValueError(
            f"latents {tuple(latents.shape)} do not fit codebooks {tuple(codebooks.shape)}"
        )
    if penalty is not None and penalty.shape != codebooks.shape[:3]:
        raise ValueError(
            f"penalty must be {tuple(codebooks.shape[:3])}, not {tuple(penalty.shape)}"
        )
    if not torch.isfinite(latents).all():
        raise ValueError("latents hold NaN or infinity")
