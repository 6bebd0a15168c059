"""The convolutional encoder: what the linear analysis should have said instead.

Principal components are the best linear summary in squared error. What the decoder needs to draw
the same person is not linear in the pixels: a small network looks at the canvas and moves the
components before they are quantised. It starts at zero, as the plain linear analysis, and is
trained through the quantiser against the decoder's losses.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.codec.decoder import zero


class Residual(nn.Module):
    """Residual block of two 3x3 convolutions; passes its input on unchanged at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = zero(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """RGB in [0, 1] [B, 3, 128, 128] -> what to add to the first Z components, [B, Z]."""

    def __init__(
        self, components: int, widths: tuple[int, int, int] = (64, 96, 96), waist: int = 160
    ) -> None:
        super().__init__()
        self.shape = (components, widths, waist)
        w32, w16, w8 = widths
        self.trunk = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, w32, 3, padding=1),
            Residual(w32),
            nn.Conv2d(w32, w16, 3, stride=2, padding=1),
            Residual(w16),
            nn.Conv2d(w16, w8, 3, stride=2, padding=1),
            Residual(w8),
            nn.SiLU(),
            nn.Conv2d(w8, w8 // 4, 1),
            nn.Flatten(),
            nn.Linear(w8 // 4 * 64, waist),
            nn.SiLU(),
            zero(nn.Linear(waist, components)),
        )

    def forward(self, rgb: Tensor) -> Tensor:
        return self.trunk(rgb * 2 - 1).float()  # type: ignore[no-any-return]
