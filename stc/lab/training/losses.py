"""What a decoded face should have in common with its original."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor

from stc.canvas import CANVAS


def face_weight() -> Tensor:
    """[1, 1, 128, 128]: 2 inside the oval of the face, 1 outside."""
    y, x = torch.meshgrid(torch.arange(CANVAS), torch.arange(CANVAS), indexing="ij")
    oval = ((x - 64) / 34) ** 2 + ((y - 76) / 44) ** 2 < 1
    return (1 + oval.float())[None, None]


def masked_error(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error [B] of [B, 3, H, W], every pixel counted by its weight [B, 1, H, W]."""
    error = (output - target).square() * weight
    return error.sum((1, 2, 3)) / (3 * weight.sum((1, 2, 3)))


def shift(*images: Tensor) -> list[Tensor]:
    """The same random corner cut off every image.

    LPIPS looks every fourth pixel; with a fixed grid the decoder learns to please just those.
    """
    return random_crop(*images, side=images[0].shape[2] - 4)


def random_crop(*images: Tensor, side: int) -> list[Tensor]:
    """The same square of every image [B, C, H, H], anywhere in it."""
    y, x = torch.randint(0, images[0].shape[2] - side + 1, (2,)).tolist()
    return [i[:, :, y : y + side, x : x + side] for i in images]


def jitter(image: Tensor) -> Tensor:
    """A small shift and zoom of every image: no recogniser sees one exact alignment."""
    number = len(image)
    theta = torch.zeros(number, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 + 0.03 * torch.randn(number).clamp(-2, 2)
    theta[:, :, 2] = 0.015 * torch.randn(number, 2).clamp(-2, 2)
    grid = F.affine_grid(theta, [number, 3, CANVAS, CANVAS], align_corners=False)
    return F.grid_sample(image, grid.to(image), "bilinear", "border", align_corners=False)
