"""The public search: checks what it is given, chooses who computes it.

The environment variable STC_BACKEND (cpu, triton, torch) overrides the choice of backend="auto":
Triton on CUDA devices, the C++ extension on the CPU, torch where those are missing.
"""

from __future__ import annotations

import os
from typing import Literal

import torch
from torch import Tensor

from stc.errors import BackendError
from stc.kernels.torch import chunked, cpu, triton
from stc.kernels.torch.nearest import Nearest, best_group
from stc.kernels.torch.prepared import PreparedCodebooks

VARIABLE = "STC_BACKEND"

# Indices held at once while the groups compete: 8 bytes each.
PIECE = 1 << 22


def backends() -> dict[str, str]:
    """Every backend and why it can or cannot serve here."""
    return {
        "cpu": "C++ extension" if cpu.available else "not built: no C++ compiler at installation",
        "triton": _triton(),
        "torch": f"torch {torch.__version__}",
    }


def _triton() -> str:
    if not triton.available:
        return "not installed"
    return "for CUDA devices" if torch.cuda.is_available() else "no CUDA device"


def choose(backend: str, device: torch.device) -> str:
    """The backend that serves tensors on this device.

    Raises BackendError for an unknown name or one that cannot serve there.
    """
    name = os.environ.get(VARIABLE, "auto") if backend == "auto" else backend
    if name == "auto":
        if triton.serves(device):
            return "triton"
        return "cpu" if cpu.available and device.type == "cpu" else "torch"
    if name not in backends():
        raise BackendError(f"no backend {name!r}: there are auto, {', '.join(backends())}")
    if name == "cpu" and not cpu.available:
        raise BackendError(f"backend cpu cannot serve: {backends()['cpu']}")
    if (name == "cpu" and device.type != "cpu") or (name == "triton" and not triton.serves(device)):
        raise BackendError(f"backend {name} cannot serve tensors on {device}: {backends()[name]}")
    return name


BACKENDS = {"cpu": cpu, "triton": triton, "torch": chunked}


def search(
    latents: Tensor,
    codebooks: Tensor | PreparedCodebooks,
    *,
    groups: Literal["best", "all"] | Tensor = "best",
    penalty: Tensor | None = None,
    backend: str = "auto",
) -> Nearest:
    """The cheapest codeword of every token, and the group of least total cost.

    latents [B, T, D] float32, float16 or bfloat16; codebooks [G, T, K, D], prepared or not; cost of
    a codeword = squared distance + penalty [G, T, K] (say, lambda times its bits). groups: "best"
    picks one group an image, an int tensor [B] gives it, "all" returns every group. Ties go to
    the lowest index and the lowest group. `stc.kernels.torch.nearest` is the definition.

    Raises ValueError for shapes that do not fit, NaN or infinity; BackendError, which is one too.
    """
    if not isinstance(codebooks, PreparedCodebooks):
        codebooks = PreparedCodebooks(codebooks, penalty)
    elif penalty is not None:
        codebooks = codebooks.with_penalty(penalty)
    latents = _checked(latents, codebooks)
    run = BACKENDS[choose(backend, latents.device)].run
    if isinstance(groups, Tensor):
        groups = _checked_groups(groups, latents, codebooks.groups)
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


def _checked(latents: Tensor, codebooks: PreparedCodebooks) -> Tensor:
    """float32 latents [B, T, D] that fit."""
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
    if latents.numel() and not torch.stack(torch.aminmax(latents)).isfinite().all():
        raise ValueError("latents hold NaN or infinity")
    return latents


def _checked_groups(groups: Tensor, latents: Tensor, number: int) -> Tensor:
    """int64 [B] in 0 .. number - 1."""
    if groups.shape != latents.shape[:1] or groups.is_floating_point():
        raise ValueError(f"groups must be integers [{len(latents)}], not {tuple(groups.shape)}")
    groups = groups.to(latents.device, torch.long)
    if groups.numel() and not 0 <= int(groups.min()) <= int(groups.max()) < number:
        raise ValueError(f"groups must be 0 to {number - 1}")
    return groups
