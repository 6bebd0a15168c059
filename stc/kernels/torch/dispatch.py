"""The public search of tensors: checks what it is given, chooses who computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from stc.kernels.registry import AUTO, Backend, choose
from stc.kernels.torch.nearest import Nearest, best_group
from stc.kernels.torch.prepared import PreparedCodebooks
from stc.kernels.torch.state import undisturbed

# Indices held at once while the groups compete: 8 bytes each.
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
    """The cheapest codeword of every token, and the group of least total cost.

    latents [B, T, D] float32, float16 or bfloat16; codebooks [G, T, K, D], prepared or not; cost of
    a codeword = squared distance + penalty [G, T, K] (say, lambda times its bits). groups: "best"
    picks one group an image, an int tensor [B] gives it, "all" returns every group. Ties go to
    the lowest index and the lowest group. `stc.kernels.definition` says it exactly; the registry of
    `stc.kernels` says who computes it where.

    check=False does not look for NaN, infinity and groups out of range, for which a GPU has to be
    waited for; the caller answers for them then.

    Raises ValueError for shapes that do not fit, NaN or infinity; BackendError, which is one too,
    for a backend that cannot serve.
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
    """The search of a backend, for tensors whichever arrays it takes."""
    return backend.run if backend.takes == "torch" else lambda *given: _on_host(backend, *given)


def _on_host(
    backend: Backend, latents: Tensor, prepared: PreparedCodebooks, groups: Tensor | None
) -> tuple[Tensor, Tensor]:
    """A search of numpy's in tensors on the CPU, whose memory it shares, on torch's threads."""
    given = None if groups is None else groups.contiguous().numpy()
    threads = torch.get_num_threads()
    found = backend.run(latents.contiguous().numpy(), prepared.host, given, threads)
    indices, costs = (torch.from_numpy(array) for array in found)
    return indices, costs


def _checked(latents: Tensor, codebooks: PreparedCodebooks, check: bool) -> Tensor:
    """float32 latents [B, T, D] that fit; `check` asks for their values too."""
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
    # The extremes are NaN if any number is, and take a tenth of the time of asking every number.
    if check and latents.numel() and not torch.stack(torch.aminmax(latents)).isfinite().all():
        raise ValueError("latents hold NaN or infinity")
    return latents


def _checked_groups(groups: Tensor, latents: Tensor, number: int, check: bool) -> Tensor:
    """int64 [B] in 0 .. number - 1; `check` asks for their values too."""
    if groups.shape != latents.shape[:1] or groups.is_floating_point():
        raise ValueError(f"groups must be integers [{len(latents)}], not {tuple(groups.shape)}")
    groups = groups.to(latents.device, torch.long)
    if check and groups.numel() and not 0 <= int(groups.min()) <= int(groups.max()) < number:
        raise ValueError(f"groups must be 0 to {number - 1}")
    return groups
