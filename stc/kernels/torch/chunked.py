"""The search as torch matrix products, in pieces; runs on any device and needs no compiler."""

from __future__ import annotations

import torch
from torch import Tensor

from stc.kernels.torch.nearest import squared_distance
from stc.kernels.torch.prepared import PreparedCodebooks

# Scores held at once: 8 MB of float32, about a core's share of the cache.
PIECE = 1 << 21


def nearest_in_group(
    latents: Tensor, prepared: PreparedCodebooks, group: int
) -> tuple[Tensor, Tensor]:
    """Return indices and costs [B, T] of latents float32 [B, T, D] in one group.

    Matrix products round differently with every shape. Where several codewords are nearest within
    the rounding error, their costs are computed by the definition, so the result matches it.
    """
    batch, tokens, dimensions = latents.shape
    codewords = prepared.centred[group]  # [T, K, D]
    bias = prepared.bias[group]  # [T, K]
    centred = (latents - prepared.centre).transpose(0, 1)  # [T, B, D]
    longest = codewords.square().sum(2).amax(1).sqrt()  # [T]
    slack = (dimensions + 4) * 2**-23 * (centred.norm(dim=2) + longest[:, None]).square()
    if prepared.penalty is not None:
        slack = slack + 2**-22 * prepared.penalty[group].abs().amax(1)[:, None]
    indices = torch.empty(tokens, batch, dtype=torch.long, device=latents.device)
    size = max(1, PIECE // (tokens * prepared.codewords))
    for start in range(0, batch, size):
        rows = slice(start, start + size)
        scores = torch.baddbmm(
            bias[:, None], centred[:, rows], codewords.transpose(1, 2), alpha=-1
        )  # [T, b, K]
        least, indices[:, rows] = scores.min(2)
        close = (scores <= (least + slack[:, rows])[..., None]).sum(2) > 1
        token, image = close.nonzero(as_tuple=True)
        for piece in range(0, len(token), size):
            t, b = token[piece : piece + size], image[piece : piece + size]
            costs = squared_distance(latents[b + start, t][:, None], prepared.codebooks[group, t])
            if prepared.penalty is not None:
                costs = costs + prepared.penalty[group, t]
            indices[t, b + start] = costs.argmin(1)
    indices = indices.T.contiguous()
    token = torch.arange(tokens, device=latents.device)
    costs = squared_distance(latents, prepared.codebooks[group, token, indices])
    if prepared.penalty is not None:
        costs = costs + prepared.penalty[group, token, indices]
    return indices, costs


def run(
    latents: Tensor, prepared: PreparedCodebooks, groups: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return indices and costs [B, G, T], or [B, T] if groups are given.

    latents: float32 [B, T, D]. groups: int64 [B].
    """
    if groups is None:
        every = [nearest_in_group(latents, prepared, g) for g in range(prepared.groups)]
        indices, costs = zip(*every, strict=True)
        return torch.stack(indices, 1), torch.stack(costs, 1)
    found = torch.empty(latents.shape[:2], dtype=torch.long, device=latents.device)
    paid = torch.empty(latents.shape[:2], dtype=torch.float32, device=latents.device)
    for group in groups.unique().tolist():
        rows = groups == group
        found[rows], paid[rows] = nearest_in_group(latents[rows], prepared, group)
    return found, paid
