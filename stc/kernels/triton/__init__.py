"""Triton kernels for CUDA devices; Triton is part of torch's CUDA builds.

Tests need no GPU: they compile the kernels for all supported chips and run the compiled code in an
emulator, see `tests/kernels/triton`. Nothing here has been timed on hardware yet.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from stc.kernels.registry import INTERPRETED
from stc.kernels.torch.prepared import CHUNK, PreparedCodebooks


def _on(device: torch.device) -> AbstractContextManager[Any]:
    """Make a device current: Triton launches on torch's current device, not on the tensors'."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def run(
    latents: Tensor, prepared: PreparedCodebooks, groups: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return indices and costs [B, G, T], or [B, T] if groups are given.

    latents: float32 [B, T, D]. groups: int64 [B].
    """
    with _on(latents.device):
        return _run(latents, prepared, groups)


def _run(
    latents: Tensor, prepared: PreparedCodebooks, groups: Tensor | None
) -> tuple[Tensor, Tensor]:
    from stc.kernels.triton.configs import config_for
    from stc.kernels.triton.search_kernel import nearest_kernel

    batch, tokens, dimensions = latents.shape
    shape = (batch, tokens) if groups is not None else (batch, prepared.groups, tokens)
    indices = torch.empty(shape, dtype=torch.long, device=latents.device)
    costs = torch.empty(shape, dtype=torch.float32, device=latents.device)
    if batch == 0:
        return indices, costs
    high, low = prepared.split
    width = high.shape[3]
    config = config_for(width, batch if groups is None else batch // prepared.groups, chip())
    if groups is None:
        count = prepared.groups * -(-batch // config.images)
        order = tiles = indices  # not read
    else:
        order = groups.argsort(stable=True)
        tiles = tiles_of(groups, prepared.groups, config.images)
        count = tiles.shape[1]
    nearest_kernel[(count, tokens)](
        latents.contiguous(),
        high,
        low,
        prepared.chunk_bias,
        prepared.codebooks,
        prepared.chunk_bias if prepared.penalty is None else prepared.penalty,
        prepared.centre,
        order,
        tiles,
        indices,
        costs,
        batch,
        prepared.groups,
        tokens,
        prepared.codewords,
        high.shape[2] // CHUNK,
        dimensions,
        GIVEN=groups is not None,
        HAS_PENALTY=prepared.penalty is not None,
        WIDTH=width,
        IMAGES=config.images,
        BLOCK=config.block,
        TOGETHER=config.together,
        CHUNK=CHUNK,
        STAGES=config.stages,
        num_warps=config.warps,
        # With fused multiply-add, sums over dimensions would round differently in each lane.
        enable_fp_fusion=False,
    )
    return indices, costs


def chip() -> int:
    """Return the compute capability of the current device times 10; 80 in Triton's interpreter."""
    if INTERPRETED:
        return 80
    from triton.runtime import driver

    return int(driver.active.get_current_target().arch)


def tiles_of(groups: Tensor, number: int, size: int) -> Tensor:
    """Divide images, sorted by groups int64 [B], into tiles of one group; return int64 [3, tiles].

    number: of groups. size: the most images in a tile. A column has the group, the first position
    and the end of a tile. Only the device knows how many tiles are needed; to avoid waiting for it,
    the number of columns is an upper bound, and the rest are empty tiles.
    """
    counts = torch.zeros(number, dtype=torch.long, device=groups.device)
    counts.scatter_add_(0, groups, torch.ones_like(groups))
    ends = counts.cumsum(0)
    pieces = (counts + size - 1) // size
    tile = torch.arange(len(groups) // size + number, device=groups.device)
    group = torch.searchsorted(pieces.cumsum(0), tile, right=True).clamp_max(number - 1)
    first = (ends - counts)[group] + (tile - (pieces.cumsum(0) - pieces)[group]) * size
    return torch.stack([group, first, torch.minimum(first + size, ends[group])])


def gather(indices: Tensor, flat: Tensor, columns: Tensor, groups: Tensor) -> Tensor:
    """Gather the numbers of codewords for `stc.kernels.torch.gather`, float32 [B, N].

    indices: int64 [B, T]. flat, columns [4, N]: of `PackedCodebooks`. groups: int64 [B].
    """
    from stc.kernels.triton.gather_kernel import gather_kernel

    block = 256
    batch, width = len(indices), columns.shape[1]
    output = torch.empty(batch, width, dtype=torch.float32, device=flat.device)
    if batch:
        with _on(flat.device):
            gather_kernel[(batch, -(-width // block))](
                indices.contiguous(), groups.contiguous(), flat, columns, output,
                indices.shape[1], width, BLOCK=block, enable_fp_fusion=False,
            )  # fmt: skip
    return output
