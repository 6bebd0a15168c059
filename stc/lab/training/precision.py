"""The precision of network computations in training."""

from __future__ import annotations

import torch


def mixed() -> torch.autocast:
    """A context with autocast to bfloat16, if the CPU has instructions for it; else float32.

    Without such instructions torch emulates bfloat16 at a tenth of the speed of float32.
    """
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)
