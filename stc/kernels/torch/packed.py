"""The inverse of the search: gather the codewords of indices, for all levels at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from stc.kernels.registry import choose


class PackedCodebooks:
    """The codebooks [G, T_l, K_l, D_l] of every level in one array, prepared for `gather`.

    Raises ValueError if the levels differ in their number of groups.
    """

    def __init__(self, levels: Sequence[Tensor]) -> None:
        if not levels or len({len(level) for level in levels}) != 1:
            raise ValueError("levels must be codebooks [G, T, K, D] with the same G, at least one")
        self.groups = len(levels[0])
        self.flat = torch.cat([level.detach().float().flatten() for level in levels])
        self.sizes = torch.cat([torch.full((x.shape[1],), x.shape[2]) for x in levels])
        self.sizes = self.sizes.to(self.flat.device)  # [T] codewords of every token
        self.shapes = [(level.shape[1], level.shape[3]) for level in levels]
        parts, start, before = [], 0, 0
        for level in levels:
            _, tokens, codewords, dimensions = level.shape
            token = torch.arange(tokens).repeat_interleave(dimensions)
            dimension = torch.arange(dimensions).repeat(tokens)
            parts.append(
                torch.stack(
                    [
                        before + token,
                        start + token * codewords * dimensions + dimension,
                        torch.full_like(token, dimensions),
                        torch.full_like(token, tokens * codewords * dimensions),
                    ]
                )
            )
            start, before = start + level.numel(), before + tokens
        # [4, N]: for each of the N numbers of a result its token, and its position in `flat`:
        # the first position, the numbers per codeword, the numbers per group
        self.columns = torch.cat(parts, 1).to(self.flat.device)


def gather(
    indices: Tensor, codebooks: PackedCodebooks, groups: Tensor, *, check: bool = True
) -> list[Tensor]:
    """Return the codewords of each level, [B, T_l, D_l].

    indices: integers [B, T], the tokens of all levels in order. groups: integers [B].
    check: False skips the check for indices and groups out of range, for which the host has to wait
    for a GPU. The caller must then ensure that there are none. On CUDA devices one kernel gathers
    all levels, unless STC_BACKEND names another backend than triton.

    Raises ValueError for shapes or types that do not fit and for indices or groups out of range.
    """
    if indices.ndim != 2 or indices.shape[1] != len(codebooks.sizes):
        raise ValueError(f"indices must be [B, {len(codebooks.sizes)}], not {tuple(indices.shape)}")
    if groups.shape != indices.shape[:1]:
        raise ValueError(f"groups must be [{len(indices)}], not {tuple(groups.shape)}")
    if indices.is_floating_point() or groups.is_floating_point():
        raise ValueError("indices and groups must be integers")
    if check and ((indices < 0) | (indices >= codebooks.sizes)).any():
        raise ValueError("indices must be less than the number of codewords of their token")
    if check and ((groups < 0) | (groups >= codebooks.groups)).any():
        raise ValueError(f"groups must be 0 to {codebooks.groups - 1}")
    indices, groups = indices.long(), groups.long()
    kernel = choose(arrays="torch", device=indices.device.type).gather
    if kernel is not None:
        numbers = kernel(indices, codebooks.flat, codebooks.columns, groups)
    else:
        token, base, a_codeword, a_group = codebooks.columns
        at = base + groups[:, None] * a_group + indices[:, token] * a_codeword
        numbers = codebooks.flat[at]
    levels = numbers.split([tokens * dimensions for tokens, dimensions in codebooks.shapes], 1)
    return [x.unflatten(1, shape) for x, shape in zip(levels, codebooks.shapes, strict=True)]
