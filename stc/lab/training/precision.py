"""In which precision the networks of a training run compute."""

from __future__ import annotations

import torch


def mixed() -> torch.autocast:
    """A context in which the CPU computes in bfloat16, if it has instructions for that.

    Where it has none, torch emulates them at a tenth of the speed of float32.
    """
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)
