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
        parts = (
            [
                _one_group(
                    latents[i : i + 1], codebooks[g], None if penalty is None else penalty[g]
                )
                for i, g in enumerate(groups.tolist())
            ]
            if len(codebooks) > 1
            else [_one_group(latents, codebooks[0], _first(penalty))]
        )
        indices, costs = (torch.cat(p) for p in zip(*parts, strict=True))
        return Nearest(groups, indices, costs)
    found = [
        _one_group(latents, codebooks[g], None if penalty is None else penalty[g])
        for g in range(len(codebooks))
    ]
    indices = torch.stack([i for i, _ in found], 1)  # [B, G, T]
    costs = torch.stack([c for _, c in found], 1)
    best = costs.sum(2).argmin(1)
    if groups == "all":
        return Nearest(best, indices, costs)
    rows = torch.arange(len(latents))
    return Nearest(best, indices[rows, best], costs[rows, best])


def _first(penalty: Tensor | None) -> Tensor | None:
    return None if penalty is None else penalty[0]


def _one_group(latents: Tensor, codebook: Tensor, penalty: Tensor | None) -> tuple[Tensor, Tensor]:
    """[B, T, D] against [T, K, D] -> indices and costs [B, T]."""
    # Centred per token: the expanded square loses its digits when the mean is large.
    centre = codebook.mean(1, keepdim=True)  # [T, 1, D]
    code = codebook - centre
    z = latents.transpose(0, 1) - centre  # [T, B, D]
    bias = code.square().sum(2) if penalty is None else code.square().sum(2) + penalty
    indices = torch.baddbmm(bias[:, None], z, code.transpose(1, 2), alpha=-2).argmin(2)  # [T, B]
    winners = code.gather(1, indices[..., None].expand(-1, -1, code.shape[2]))
    costs = (z - winners).square().sum(2)
    if penalty is not None:
        costs = costs + penalty.gather(1, indices)
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
