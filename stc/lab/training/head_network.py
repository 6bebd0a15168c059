"""The network of a head (`stc.protection.heads`) in torch, for training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stc.protection.heads import HIDDEN, SIZE, Head


class HeadNetwork(nn.Module):
    """Maps feature maps of a picture and its mirror image, [B, C, H, W], to a template.

    The output is features [B, H*W, c] and weights [B, H*W] that sum to 1. shape: C, H, W. size: c,
    the dimensions of a group.
    """

    def __init__(self, shape: tuple[int, int, int], size: int = SIZE) -> None:
        super().__init__()
        channels, height, width = shape
        self.shape, self.size = shape, size
        self.reduce = nn.Parameter(torch.zeros(height * width, channels, size))
        self.shift = nn.Parameter(torch.zeros(height * width, size))
        self.bend = nn.PReLU(size, init=1)  # the identity before training
        self.attend = nn.Sequential(
            *_step(size, HIDDEN), *_step(HIDDEN, HIDDEN), nn.Conv2d(HIDDEN, 1, 3, padding=1)
        )
        self.place = nn.Parameter(torch.zeros(height * width))  # logits of a cell in all faces

    def forward(self, maps: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor]:
        both = self._reduced(maps) + self._reduced(mirrored)
        picture = both.transpose(1, 2).unflatten(2, self.shape[1:])
        return both, (self.attend(picture).flatten(1) + self.place).softmax(1)

    def to_head(self) -> Head:
        """The head with the current weights, which runs without torch."""
        arrays = {
            name: value.detach().float().numpy().copy()
            for name, value in self.state_dict().items()
            if value.is_floating_point()  # not the batch norms' counters
        }
        return Head(self.shape, arrays)

    def _reduced(self, maps: Tensor) -> Tensor:
        cells = maps.flatten(2).permute(2, 0, 1) @ self.reduce + self.shift[:, None]
        return self.bend(cells.permute(1, 2, 0)).transpose(1, 2)  # type: ignore[no-any-return]


def _step(before: int, after: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.PReLU(after),
    )
