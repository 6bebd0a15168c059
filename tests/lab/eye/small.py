"""A network of the eye's shape that is quick to run."""

from __future__ import annotations

import torch
from torch import Tensor

from stc.lab.eye.network import EyeNetwork
from stc.lab.eye.perception import Perception

BLOCKS = [(16, 8, 2, False), (8, 8, 1, True), (16, 8, 2, False), (16, 16, 2, False)]


def network(heads: tuple[int, ...] = (8, 6), shares: tuple[float, ...] = (0.7, 0.3)) -> EyeNetwork:
    """Random weights that neither explode nor vanish, rounded as in the file."""
    torch.manual_seed(0)
    small = EyeNetwork(8, BLOCKS, 16, heads, shares)
    for unit in small.units():
        unit.weight.data.normal_(0, (2 / unit.weight[0].numel()) ** 0.5)
        unit.bias.data.normal_(0, 0.1)
    return small.round().requires_grad_(False)


def perception() -> Perception:
    """Of three maps, with channels that do not count."""
    small = Perception({0: 8, 1: 8, 3: 8})
    for weight in small.weights:
        weight.data = torch.linspace(-0.5, 1, 8).clamp_min(0)
    return small


def faces(number: int) -> Tensor:
    """Smooth pictures uint8 [N, 128, 128, 3]."""
    coarse = torch.rand(number, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    rgb = torch.nn.functional.interpolate(coarse, size=128, mode="bicubic").clamp(0, 1)
    return (rgb.permute(0, 2, 3, 1) * 255).round().byte()
