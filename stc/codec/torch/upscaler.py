"""The upscaler, which doubles the size of the decoder's picture and adds detail.

It gets the picture, and the features from which the decoder computed its detail. Before training it
is bicubic enlargement (its last layer is zero).
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.codec.torch.decoder import Modulated, zero


class Upscaler(nn.Module):
    """RGB [B, 3, 128, 128] and the decoder's features to RGB [B, 3, 256, 256], not clamped.

    widths: channels at 64x64 and at 128x128 pixels. features: channels of the decoder's features.
    condition: size of its embedding of the spent share.
    """

    def __init__(
        self, widths: tuple[int, int] = (48, 32), features: int = 48, condition: int = 32
    ) -> None:
        super().__init__()
        self.widths = widths
        w64, w128 = widths
        self.enter64 = nn.Conv2d(3 * 4, w64, 3, padding=1)
        self.join64 = nn.Conv2d(features, w64, 1)
        self.blocks64 = nn.ModuleList(Modulated(w64, condition) for _ in range(3))
        self.enter128 = nn.Conv2d(3, w128, 3, padding=1)
        self.up128 = nn.Conv2d(w64, 4 * w128, 1)
        self.blocks128 = nn.ModuleList(Modulated(w128, condition) for _ in range(1))
        self.leave = zero(nn.Conv2d(w128, 3 * 4, 3, padding=1))

    def forward(self, picture: Tensor, features: Tensor, condition: Tensor) -> Tensor:
        """Return RGB [B, 3, 256, 256]. All arguments come from `Decoder.draw`."""
        picture = picture.clamp(0, 1)
        seen = 2 * picture - 1
        x64 = self.enter64(F.pixel_unshuffle(seen, 2)) + self.join64(features)
        for block in self.blocks64:
            x64 = block(x64, condition)
        x128 = self.enter128(seen) + F.pixel_shuffle(self.up128(x64), 2)
        for block in self.blocks128:
            x128 = block(x128, condition)
        detail = F.pixel_shuffle(self.leave(F.silu(x128)), 2)
        smooth = F.interpolate(picture, scale_factor=2, mode="bicubic", align_corners=False)
        return smooth + detail.float()
