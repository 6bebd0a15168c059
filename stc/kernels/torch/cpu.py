"""The search in C++: vector extensions, OpenMP, no distance ever stored (nearest.cpp).

The extension is optional: without a compiler at installation `available` is False.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stc.kernels.torch.prepared import PreparedCodebooks

try:
    from stc.kernels.torch.cpu import _nearest
except ImportError:  # not built, or built for another machine
    available = False
else:
    available = True


def run(
    latents: Tensor, prepared: PreparedCodebooks, groups: Tensor | None
) -> tuple[Tensor, Tensor]:
    """latents float32 [B, T, D] -> indices and costs [B, G, T], or [B, T] in groups int64 [B].

    Uses as many threads as torch does. The same bits for any batch and any number of threads.
    """
    batch, tokens, _ = latents.shape
    if groups is None:
        shape: tuple[int, ...] = (batch, prepared.groups, tokens)
        rows = torch.arange(batch).repeat(prepared.groups)
        slots = rows * prepared.groups + torch.arange(prepared.groups).repeat_interleave(batch)
        counts = torch.full((prepared.groups,), batch)
    else:
        shape = (batch, tokens)
        rows = slots = groups.argsort(stable=True)
        counts = groups.bincount(minlength=prepared.groups)
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    indices, costs = torch.empty(shape, dtype=torch.long), torch.empty(shape)
    penalty = prepared.penalty
    _nearest.search(
        latents.contiguous().numpy(),
        prepared.columns.numpy(),
        prepared.bias.numpy(),
        prepared.codebooks.numpy(),
        None if penalty is None else penalty.numpy(),
        prepared.centre.numpy(),
        rows.numpy(),
        slots.numpy(),
        offsets.numpy(),
        indices.numpy(),
        costs.numpy(),
        torch.get_num_threads(),
    )
    return indices, costs
