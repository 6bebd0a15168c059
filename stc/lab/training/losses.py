"""Masked pixel error, and random crops and shifts of pictures for the losses of networks."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor

from stc.canvas import CANVAS

PERIOD = 4  # pixels, of the mesh that `lattice_error` measures


def face_weight() -> Tensor:
    """Weights of pixels [1, 1, 128, 128]: 2 inside an ellipse around the face, 1 outside."""
    y, x = torch.meshgrid(torch.arange(CANVAS), torch.arange(CANVAS), indexing="ij")
    oval = ((x - 64) / 34) ** 2 + ((y - 76) / 44) ** 2 < 1
    return (1 + oval.float())[None, None]


def masked_error(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean squared error [B] of pictures [B, 3, H, W], with pixel weights [B, 1, H, W]."""
    error = (output - target).square() * weight
    return error.sum((1, 2, 3)) / (3 * weight.sum((1, 2, 3)))


def lattice_error(error: Tensor, tile: int = 32) -> Tensor:
    """The part [B] of an error [B, C, H, W] that repeats every PERIOD pixels: a fine mesh.

    Squared error and LPIPS hardly see it, because it is weak; the eye does. In every tile the fine
    error is averaged over the pixels of each phase; what is left of it is the mesh. H and W are
    multiples of `tile`, and `tile` of PERIOD.
    """
    fine = error - F.avg_pool2d(error, 5, 1, 2, count_include_pad=False)
    phases = F.pixel_unshuffle(fine, PERIOD)  # [B, C * PERIOD^2, H / PERIOD, W / PERIOD]
    return F.avg_pool2d(phases, tile // PERIOD).square().mean((1, 2, 3))


def shift(*images: Tensor) -> list[Tensor]:
    """Crop all images by 4 pixels, at the same random offset.

    The first layer of LPIPS has a stride of 4; with a fixed offset the decoder would learn patterns
    on that grid.
    """
    return random_crop(*images, side=images[0].shape[2] - 4)


def random_crop(*images: Tensor, side: int) -> list[Tensor]:
    """The same random square of `side` pixels of all images [B, C, H, H]."""
    y, x = torch.randint(0, images[0].shape[2] - side + 1, (2,)).tolist()
    return [i[:, :, y : y + side, x : x + side] for i in images]


def jitter(image: Tensor) -> Tensor:
    """Shift and scale every canvas [B, 3, 128, 128] slightly and randomly.

    It keeps the decoder from adapting to one exact alignment of the recognition model.
    """
    number = len(image)
    theta = torch.zeros(number, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 + 0.03 * torch.randn(number).clamp(-2, 2)
    theta[:, :, 2] = 0.015 * torch.randn(number, 2).clamp(-2, 2)
    grid = F.affine_grid(theta, [number, 3, CANVAS, CANVAS], align_corners=False)
    return F.grid_sample(image, grid.to(image), "bilinear", "border", align_corners=False)
