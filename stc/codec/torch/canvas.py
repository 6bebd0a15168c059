"""Conversion between pixels and planes (see `stc.codec.planes`) for tensors, with gradients."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor

from stc.canvas import CANVAS
from stc.codec.planes import CHROMA, LUMA, PLANE_WEIGHT


def plane_weight() -> Tensor:
    """Return the factors [6144] of planes before errors are measured; see `stc.codec.planes`."""
    return torch.from_numpy(PLANE_WEIGHT.copy())


def to_planes(rgb: Tensor) -> Tensor:
    """Convert RGB [B, 3, 128, 128] in [0, 1] to luma 64x64 and Cb, Cr 32x32: [B, 6144]."""
    red, green, blue = rgb[:, 0], rgb[:, 1], rgb[:, 2]
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = torch.stack([(blue - luma) * 0.564, (red - luma) * 0.713], 1)
    small_luma = F.avg_pool2d(luma[:, None], CANVAS // LUMA)
    small_chroma = F.avg_pool2d(chroma, CANVAS // CHROMA)
    return torch.cat([small_luma.flatten(1), small_chroma.flatten(1)], 1)


def split_planes(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Split planes [B, 6144] into luma [B, 1, 64, 64] and chroma [B, 2, 32, 32]."""
    luma, chroma = planes.split([LUMA * LUMA, 2 * CHROMA * CHROMA], 1)
    return luma.reshape(-1, 1, LUMA, LUMA), chroma.reshape(-1, 2, CHROMA, CHROMA)


def to_rgb(planes: Tensor) -> Tensor:
    """Enlarge planes [B, 6144] and convert them to RGB [B, 3, 128, 128], not clamped to [0, 1]."""
    luma, chroma = split_planes(planes)
    luma = F.interpolate(luma, size=CANVAS, mode="bicubic", align_corners=False)
    chroma = F.interpolate(chroma, size=CANVAS, mode="bilinear", align_corners=False)
    blue = luma + chroma[:, :1] / 0.564
    red = luma + chroma[:, 1:] / 0.713
    return torch.cat([red, (luma - 0.299 * red - 0.114 * blue) / 0.587, blue], 1)
