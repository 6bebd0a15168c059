"""The public search on torch tensors: checks the arguments and chooses a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from stc.kernels.registry import AUTO, Backend, choose
from stc.kernels.torch.nearest import Nearest, best_group
from stc.kernels.torch.prepared import PreparedCodebooks
from stc.kernels.torch.state import undisturbed

# Indices of all groups held at once to find the best groups; 8 bytes each.
PIECE = 1 << 22

Run = Callable[[Tensor, PreparedCodebooks, "Tensor | None"], tuple[Tensor, Tensor]]


def search(
    latents: Tensor,
    codebooks: Tensor | PreparedCodebooks,
    *,
    groups: Literal["best", "all"] | Tensor = "best",
    penalty: Tensor | None = None,
    check: bool = True,
    backend: str = AUTO,
) -> Nearest:
    """Return the codeword of least cost for every token, and the group of least total cost.

    latents: [B, T, D], float32, float16 or bfloat16. codebooks: [G, T, K, D], prepared or not.
    groups: "best" chooses one group per image, an integer tensor [B] states it, "all" returns the
    results of all groups. penalty: [G, T, K], such as lambda times bits; the cost of a codeword is
    its squared distance plus its penalty. Ties go to the lowest index and the lowest group.
    `stc.kernels.definition` is the exact definition.
    check: False skips the checks for NaN, infinity and groups out of range, for which the host has
    to wait for a GPU. The caller must then ensure that there are none.
    backend: a name of `stc.kernels.registry`, or "auto".

    Raises ValueError for shapes that do not fit, NaN or infinity; BackendError, which is also a
    ValueError, for a backend that is unknown or not available here.
    """
    if not isinstance(codebooks, PreparedCodebooks):
        codebooks = PreparedCodebooks(codebooks, penalty)
    elif penalty is not None:
        codebooks = codebooks.with_penalty(penalty)
    with undisturbed(latents.device):
        return _search(latents, codebooks, groups, check, backend)


def _search(
    latents: Tensor,
    codebooks: PreparedCodebooks,
    groups: Literal["best", "all"] | Tensor,
    check: bool,
    backend: str,
) -> Nearest:
    latents = _checked(latents, codebooks, check)
    run = _runner(choose(backend, "torch", latents.device.type))
    if isinstance(groups, Tensor):
        groups = _checked_groups(groups, latents, codebooks.groups, check)
        return Nearest(groups, *run(latents, codebooks, groups))
    if groups == "all":
        indices, costs = run(latents, codebooks, None)
        return Nearest(best_group(indices, costs).groups, indices, costs)
    if groups != "best":
        raise ValueError(f'groups must be "best", "all" or a tensor, not {groups!r}')
    size = max(1, PIECE // (codebooks.groups * codebooks.tokens))
    parts = [best_group(*run(part, codebooks, None)) for part in latents.split(size)]
    if len(parts) == 1:
        return parts[0]
    return Nearest(*(torch.cat(field) for field in zip(*parts, strict=True)))


def _runner(backend: Backend) -> Run:
    """The search function of a backend, adapted to tensors if it takes numpy arrays."""
    return backend.run if backend.takes == "torch" else lambda *given: _on_host(backend, *given)


def _on_host(
    backend: Backend, latents: Tensor, prepared: PreparedCodebooks, groups: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Run a backend of numpy arrays on tensors in CPU memory, without a copy of aligned data.

    It uses as many threads as torch would.
    """
    given = None if groups is None else groups.contiguous().numpy()
    threads = torch.get_num_threads()
    found = backend.run(latents.contiguous().numpy(), prepared.host, given, threads)
    indices, costs = (torch.from_numpy(array) for array in found)
    return indices, costs


def _checked(latents: Tensor, codebooks: PreparedCodebooks, check: bool) -> Tensor:
    """Check the latents, also their values if `check`; return them as float32 [B, T, D]."""
    expected = (codebooks.tokens, codebooks.dimensions)
    if latents.ndim != 3 or latents.shape[1:] != expected:
        raise ValueError(
            f"latents must be [B, {expected[0]}, {expected[1]}] to fit codebooks "
            f"{tuple(codebooks.codebooks.shape)}, not {tuple(latents.shape)}"
        )
    if latents.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise ValueError(f"latents must be float32, float16 or bfloat16, not {latents.dtype}")
    if latents.device != codebooks.device:
        raise ValueError(f"latents are on {latents.device}, codebooks on {codebooks.device}")
    latents = latents.detach().float()
    # The extremes are NaN if any number is NaN; this takes a tenth of the time of testing all.
    if check and latents.numel() and not torch.stack(torch.aminmax(latents)).isfinite().all():
        raise ValueError("latents hold NaN or infinity")
    return latents


def _checked_groups(groups: Tensor, latents: Tensor, number: int, check: bool) -> Tensor:
    """Check the groups, also their values if `check`; return them as int64 [B]."""
    if groups.shape != latents.shape[:1] or groups.is_floating_point():
        raise ValueError(f"groups must be integers [{len(latents)}], not {tuple(groups.shape)}")
    groups = groups.to(latents.device, torch.long)
    if check and groups.numel() and not 0 <= int(groups.min()) <= int(groups.max()) < number:
        raise ValueError(f"groups must be 0 to {number - 1}")
    return groups
