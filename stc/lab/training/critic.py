"""The adversary of the last steps: which patches are photographs, which did the decoder draw?

Squared error and LPIPS forgive a texture that no camera makes, such as a fine grid in hair. A
critic of patches does not (Isola et al. 2017, arXiv 1611.07004, section 3.2.2); the hinge loss and
spectral normalisation keep it from running away (Miyato et al. 2018, arXiv 1802.05957).
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Critic(nn.Module):
    """RGB in [-1, 1] [B, 3, 128, 128] -> a score for every patch, [B, 1, 16, 16]; high is real."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        channels = (3, width, 2 * width, 4 * width)
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
    """What the critic lowers, of its scores for photographs and for drawn faces."""
    return F.relu(1 - real).mean() + F.relu(1 + drawn).mean()
