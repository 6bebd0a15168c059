"""The convolutional decoder, which adds detail to a smooth linear reconstruction.

The linear reconstruction is optimal in squared error, but blurred. A U-shaped network adds detail
that is typical of such faces. Before training it is the identity (its last layer is zero). It gets
the reconstruction at every scale, and the share of the model's tokens that the face uses.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from stc.codec.torch.canvas import split_planes, to_rgb

_Layer = TypeVar("_Layer", bound=nn.Module)


def zero(layer: _Layer) -> _Layer:
    """Set all parameters of a layer to zero, so that a residual sum starts unchanged; return it."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class Modulated(nn.Module):
    """Residual block of two 3x3 convolutions, modulated by a condition [B, C] (FiLM).

    The condition scales and shifts the output of the first convolution (Perez et al. 2018,
    arXiv 1709.07871).
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = zero(nn.Conv2d(channels, channels, 3, padding=1))
        self.condition = zero(nn.Linear(condition, 2 * channels))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.condition(condition)[..., None, None].chunk(2, 1)
        inner = F.silu(self.first(x) * (1 + scale) + shift)
        return x + self.second(inner)  # type: ignore[no-any-return]


class Mixer(nn.Module):
    """An MLP-Mixer block (Tolstikhin et al. 2021): global exchange, for symmetry and lighting."""

    def __init__(self, channels: int, places: int) -> None:
        super().__init__()
        self.norm_places = nn.LayerNorm(channels)
        self.places = nn.Sequential(
            nn.Linear(places, 2 * places), nn.SiLU(), nn.Linear(2 * places, places)
        )
        self.norm_channels = nn.LayerNorm(channels)
        self.channels = nn.Sequential(
            nn.Linear(channels, 2 * channels), nn.SiLU(), nn.Linear(2 * channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        places: Tensor = x.flatten(2).transpose(1, 2)  # [B, H * W, C]
        places = places + self.places(self.norm_places(places).transpose(1, 2)).transpose(1, 2)
        places = places + self.channels(self.norm_channels(places))
        return places.transpose(1, 2).reshape(x.shape)


class Decoder(nn.Module):
    """Planes [B, 6144] and spent share [B] in [0, 1] to RGB [B, 3, 128, 128], not clamped.

    widths: channels at 8x8, 16x16, 32x32 and 64x64 pixels. condition: size of the embedding of the
    spent share, which is the number of tokens of a face divided by that of the model.
    """

    def __init__(
        self, widths: tuple[int, int, int, int] = (256, 160, 80, 48), condition: int = 32
    ) -> None:
        super().__init__()
        self.widths = widths
        w8, w16, w32, w64 = widths
        self.embed = nn.Sequential(nn.Linear(3, condition), nn.SiLU())
        self.enter16 = nn.Conv2d(16 + 8, w16, 3, padding=1)
        self.down8 = nn.Conv2d(w16, w8, 3, stride=2, padding=1)
        self.mix8 = nn.ModuleList(Mixer(w8, 64) for _ in range(2))
        self.up16 = nn.Conv2d(w8, 4 * w16, 1)
        self.blocks16 = nn.ModuleList(Modulated(w16, condition) for _ in range(2))
        self.up32 = nn.Conv2d(w16, 4 * w32, 1)
        self.enter32 = nn.Conv2d(4 + 2, w32, 3, padding=1)
        self.blocks32 = nn.ModuleList(Modulated(w32, condition) for _ in range(1))
        self.up64 = nn.Conv2d(w32, 4 * w64, 1)
        self.enter64 = nn.Conv2d(1, w64, 3, padding=1)
        self.blocks64 = nn.ModuleList(Modulated(w64, condition) for _ in range(1))
        self.leave = zero(nn.Conv2d(w64, 3 * 4, 3, padding=1))

    def forward(self, planes: Tensor, spent: Tensor) -> Tensor:
        return self.draw(planes, spent)[0]

    def draw(self, planes: Tensor, spent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the picture as `forward` does, and two more inputs of the upscaler.

        These are the features [B, W64, 64, 64] from which the detail is computed, and the embedding
        [B, C] of the spent share.
        """
        luma, chroma = split_planes(planes)
        luma, chroma = 2 * luma - 1, 4 * chroma  # to about [-1, 1]
        spent = spent[:, None]
        condition = self.embed(torch.cat([spent, spent.sqrt(), torch.ones_like(spent)], 1))
        x16 = self.enter16(torch.cat([F.pixel_unshuffle(luma, 4), F.pixel_unshuffle(chroma, 2)], 1))
        x8 = self.down8(F.silu(x16))
        for mix in self.mix8:
            x8 = mix(x8)
        x16 = x16 + F.pixel_shuffle(self.up16(x8), 2)
        for block in self.blocks16:
            x16 = block(x16, condition)
        x32 = F.pixel_shuffle(self.up32(x16), 2)
        x32 = x32 + self.enter32(torch.cat([F.pixel_unshuffle(luma, 2), chroma], 1))
        for block in self.blocks32:
            x32 = block(x32, condition)
        x64 = F.pixel_shuffle(self.up64(x32), 2) + self.enter64(luma)
        for block in self.blocks64:
            x64 = block(x64, condition)
        features = F.silu(x64)
        detail = F.pixel_shuffle(self.leave(features), 2)
        return to_rgb(planes) + detail.float(), features, condition
