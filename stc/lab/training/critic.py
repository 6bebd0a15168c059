"""The critic of adversarial training, which classifies patches as photographed or decoded.

Squared error and LPIPS hardly penalise unnatural textures, such as a fine grid in hair; a critic of
patches does (Isola et al. 2017, arXiv 1611.07004, section 3.2.2). Hinge loss and spectral
normalisation keep its training stable (Miyato et al. 2018, arXiv 1802.05957).
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Critic(nn.Module):
    """RGB in [-1, 1] [B, 3, H, W] -> a score for every patch, [B, 1, H/8, W/8]; high is real."""

    def __init__(self) -> None:
        super().__init__()
        channels = (3, 32, 64, 128)
        layers: list[nn.Module] = []
        for a, b in pairwise(channels):
            layers += [spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        layers += [
            spectral_norm(nn.Conv2d(channels[-1], channels[-1], 3, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(channels[-1], 1, 1)),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, rgb: Tensor) -> Tensor:
        return self.layers(rgb).float()  # type: ignore[no-any-return]


def critic_loss(real: Tensor, drawn: Tensor) -> Tensor:
    """The critic's hinge loss, from its scores of photographs and of decoded faces."""
    return F.relu(1 - real).mean() + F.relu(1 + drawn).mean()
