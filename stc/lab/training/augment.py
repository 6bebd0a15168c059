"""Augmentation: random views of a face, with small changes of geometry, light and sharpness.

A few thousand faces are too few for token-specific codebooks of 256 codewords; augmented views are
nearly as useful as other faces.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Generator, Tensor

from stc.canvas import CANVAS

# Standard deviations of normal random numbers, which are clipped at two deviations.
TURN = 0.03  # radians
SCALE = 0.035  # relative, of width and height
STRETCH = 0.015  # relative, of the width only
SHIFT = 0.018  # in half widths of the canvas
GAMMA, GAIN, TINT, CONTRAST = 0.2, 0.12, 0.05, 0.12  # of logarithms, except for the contrast
SIDE_LIGHT = (0.15, 0.08)  # relative change from the centre to an edge, horizontal and vertical

BLURRED, BLUR = 0.4, (0.4, 1.4)  # share of the views; range of the standard deviation in pixels
SMALL, SIZE = 0.3, (0.35, 0.85)  # share of the views that are downsampled; range of the factor

_CENTRE = (0.0, 70 / 64 - 1)  # of the face, in coordinates from -1 to 1
_REACH = 4  # radius of the blur kernel in pixels


def random_views(faces: npt.NDArray[np.uint8], generator: Generator) -> npt.NDArray[np.uint8]:
    """One random view of each face, uint8 [N, 128, 128, 4] RGBA; filled pixels keep alpha 0.

    Where a view ends within the canvas, edge pixels are repeated, with their alpha.
    """
    x = torch.from_numpy(faces.copy()).permute(0, 3, 1, 2).float() / 255
    moved = _moved(x, generator)
    rgb = _softened(_relit(moved[:, :3], generator), generator)
    seen = (moved[:, 3:] > 0.5).float()
    views = torch.cat([rgb, seen], 1).permute(0, 2, 3, 1)
    return (views * 255).round().byte().numpy()


def _moved(x: Tensor, generator: Generator) -> Tensor:
    """Pictures [N, C, 128, 128] in [0, 1], rotated, scaled and shifted."""
    number = len(x)
    angle, size = _normal(generator, TURN, number), 1 + _normal(generator, SCALE, number)
    width = size * (1 + _normal(generator, STRETCH, number))
    rows = [
        torch.stack([angle.cos() * width, -angle.sin() * size], 1),
        torch.stack([angle.sin() * width, angle.cos() * size], 1),
    ]
    turn, centre = torch.stack(rows, 1), torch.tensor(_CENTRE)
    place = centre - turn @ centre + _normal(generator, SHIFT, number, 2)
    theta = torch.cat([turn, place[:, :, None]], 2)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, "bicubic", "border", align_corners=False).clamp(0, 1)


def _relit(rgb: Tensor, generator: Generator) -> Tensor:
    """Pictures [N, 3, 128, 128] in [0, 1] with other gamma, gain, tint, side light and contrast."""
    one = (len(rgb), 1, 1, 1)
    gamma = _normal(generator, GAMMA, *one).exp()
    gain = _normal(generator, GAIN, *one) + _normal(generator, TINT, len(rgb), 3, 1, 1)
    ramp = torch.linspace(-1, 1, CANVAS)
    across, down = (_normal(generator, deviation, *one) for deviation in SIDE_LIGHT)
    light = 1 + across * ramp + down * ramp[:, None]
    lit = rgb.clamp_min(1e-3) ** gamma * gain.exp() * light
    mean = lit.mean((1, 2, 3), keepdim=True)
    return ((lit - mean) * (1 + _normal(generator, CONTRAST, *one)) + mean).clamp(0, 1)


def _softened(rgb: Tensor, generator: Generator) -> Tensor:
    """Pictures, of which a random share is blurred and another is downsampled and enlarged."""
    blurred, small, width, size = torch.rand(4, len(rgb), generator=generator).unbind()
    found = rgb.clone()
    for row in (blurred < BLURRED).nonzero()[:, 0].tolist():
        found[row] = _blurred(found[row], BLUR[0] + (BLUR[1] - BLUR[0]) * width[row])
    for row in (small < SMALL).nonzero()[:, 0].tolist():
        side = round(CANVAS * float(SIZE[0] + (SIZE[1] - SIZE[0]) * size[row]))
        reduced = F.interpolate(found[row, None], size=side, mode="bilinear", antialias=True)
        found[row] = F.interpolate(reduced, size=CANVAS, mode="bicubic")[0].clamp(0, 1)
    return found


def _blurred(rgb: Tensor, deviation: Tensor) -> Tensor:
    """A picture [3, H, W] after a Gaussian blur."""
    kernel = torch.exp(-torch.arange(-_REACH, _REACH + 1).square() / (2 * deviation**2))
    kernel = kernel / kernel.sum()
    padded = F.pad(rgb[:, None], [_REACH] * 4, "replicate")
    across = F.conv2d(padded, kernel.view(1, 1, 1, -1))
    return F.conv2d(across, kernel.view(1, 1, -1, 1))[:, 0]


def _normal(generator: Generator, deviation: float, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator).clamp(-2, 2) * deviation
