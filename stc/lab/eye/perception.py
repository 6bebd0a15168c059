"""A perceptual distance on the eye's feature maps, fitted to LPIPS (Zhang et al. 2018).

As in LPIPS, the channels at every position are normalised to a unit vector; squared differences are
weighted by channel and averaged over positions. The maps are computed for the embedding anyway.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from stc.lab.eye.network import EyeNetwork
from stc.lab.training.networks import Lpips

EPSILON = 1e-10
ROUNDS = 200  # of coordinate descent, in `non_negative`


class Perception(nn.Module):
    """The perceptual distance on some maps of a network.

    taps: the indices of these maps in `EyeNetwork.maps`, and their numbers of channels. Channels
    of weight 0 are not in the features.
    """

    def __init__(self, taps: dict[int, int]) -> None:
        super().__init__()
        self.taps = taps
        self.weights = nn.ParameterList(
            nn.Parameter(torch.ones(channels), requires_grad=False) for channels in taps.values()
        )

    def heads(self) -> list[tuple[int, Tensor]]:
        """(index of the map, matrix [K, C] from its unit vectors to features), for every tap."""
        return [
            (tap, torch.diag(weight.sqrt())[weight > 0])
            for tap, weight in zip(self.taps, self.weights, strict=True)
        ]

    def features(self, maps: list[Tensor]) -> Tensor:
        """Features [B, F] of B pictures; the squared distance of features is the perceptual one."""
        parts = []
        for tap, matrix in self.heads():
            units = unit_vectors(maps[tap])
            area = units.shape[2] * units.shape[3]
            parts.append(torch.einsum("kc,bchw->bkhw", matrix, units).flatten(1) / area**0.5)
        return torch.cat(parts, 1)

    def forward(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """The distances [B] of B pairs of pictures, from their maps."""
        return (self.features(a) - self.features(b)).square().sum(1)


def unit_vectors(x: Tensor) -> Tensor:
    """x [B, C, H, W] with the channels at every position normalised to length 1."""
    return x * torch.rsqrt(x.square().sum(1, keepdim=True) + EPSILON)


def fit(
    network: EyeNetwork,
    lpips: Lpips,
    pairs: Iterable[tuple[Tensor, Tensor]],
    taps: dict[int, int],
) -> Perception:
    """Fit the weights of a perceptual distance that predicts LPIPS.

    pairs: batches of two pictures, RGB in [-1, 1] [B, 3, 128, 128] each. taps: the indices of the
    maps, and the number of channels of each that get a weight; those of most effect are chosen.
    """
    rows, wanted = [], []
    with torch.no_grad():
        for a, b in pairs:
            maps = zip(network.look(a)[1], network.look(b)[1], strict=True)
            rows.append(torch.cat([_differences(*m) for t, m in enumerate(maps) if t in taps], 1))
            wanted.append(lpips(a, b))
    channels = network.channels()
    return weigh(torch.cat(rows), torch.cat(wanted), {t: (channels[t], k) for t, k in taps.items()})


def weigh(x: Tensor, y: Tensor, taps: dict[int, tuple[int, int]]) -> Perception:
    """Fit the weights to channel differences [N, C] and LPIPS [N] of N pairs.

    taps: for each map, the number of its channels, and how many of them get a weight.
    """
    perception = Perception({tap: channels for tap, (channels, _) in taps.items()})
    sizes = [channels for channels, _ in taps.values()]
    x, y = x.double(), y.double()
    strengths = (non_negative(x, y) * x.mean(0)).split(sizes)
    alive = []
    for strength, (_, kept) in zip(strengths, taps.values(), strict=True):
        alive.append(torch.zeros_like(strength, dtype=torch.bool))
        alive[-1][strength.topk(kept).indices] = True
    keep = torch.cat(alive)
    weights = torch.zeros_like(x[0])
    # Weights stay above 0 to keep the number of channels, a multiple of 8, which is fast.
    weights[keep] = non_negative(x[:, keep], y).clamp_min(1e-6)
    for own, part in zip(perception.weights, weights.split(sizes), strict=True):
        own.data = part.float()
    return perception


def non_negative(x: Tensor, y: Tensor, ridge: float = 0.3) -> Tensor:
    """The w >= 0 that minimises |x w - y|^2, regularised towards equal parts of y for all channels.

    Without regularisation few channels would have a weight, and synthesis would optimise only
    these. x: [N, C]; y: [N]. Solved by coordinate descent.
    """
    mean = x.mean(0).clamp_min(1e-12)
    z, equal = x / mean, y.mean() / x.shape[1]
    power = z.T @ z
    pull = ridge * power.diag().mean()
    power += pull * torch.eye(len(power), dtype=x.dtype)
    v = torch.full_like(mean, equal.item())
    slope = power @ v - z.T @ y - pull * equal
    for _ in range(ROUNDS):
        for i in range(len(v)):
            new = (v[i] - slope[i] / power[i, i]).clamp_min(0)
            slope += power[i] * (new - v[i])
            v[i] = new
    return v / mean


def _differences(a: Tensor, b: Tensor) -> Tensor:
    """The mean squared difference of each channel [B, C] of two normalised maps [B, C, H, W]."""
    return (unit_vectors(a) - unit_vectors(b)).square().mean((2, 3))
