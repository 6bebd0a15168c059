"""Perceptual distance in the eye's own maps, fitted to LPIPS (Zhang et al. 2018).

As there: the channels of every place made a unit vector, squared differences with a weight for
every channel, the mean over places. The maps are computed for the embedding anyway.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from stc.lab.eye.network import EyeNetwork
from stc.lab.training.networks import Lpips

EPSILON = 1e-10


class Perception(nn.Module):
    """Distances in some maps of a network.

    taps: which of `EyeNetwork.maps`, and how many channels each has. A channel of weight 0 is not
    among the features.
    """

    def __init__(self, taps: dict[int, int]) -> None:
        super().__init__()
        self.taps = taps
        self.weights = nn.ParameterList(
            nn.Parameter(torch.ones(channels), requires_grad=False) for channels in taps.values()
        )

    def heads(self) -> list[tuple[int, Tensor]]:
        """(map, matrix [K, C] from its unit vectors to features, before the mean over places)."""
        return [
            (tap, torch.diag(weight.sqrt())[weight > 0])
            for tap, weight in zip(self.taps, self.weights, strict=True)
        ]

    def features(self, maps: list[Tensor]) -> Tensor:
        """Features [B, F]; squared distances of these are perceptual distances."""
        parts = []
        for tap, matrix in self.heads():
            units = unit_vectors(maps[tap])
            area = units.shape[2] * units.shape[3]
            parts.append(torch.einsum("kc,bchw->bkhw", matrix, units).flatten(1) / area**0.5)
        return torch.cat(parts, 1)

    def forward(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """The maps of B pictures and of B others -> distance [B]."""
        return (self.features(a) - self.features(b)).square().sum(1)


def unit_vectors(x: Tensor) -> Tensor:
    """[B, C, H, W] with every place's channels made one long."""
    return x * torch.rsqrt(x.square().sum(1, keepdim=True) + EPSILON)


def fit(
    network: EyeNetwork,
    lpips: Lpips,
    pairs: Iterable[tuple[Tensor, Tensor]],
    taps: dict[int, int],
) -> Perception:
    """The weights with which maps foretell LPIPS.

    pairs: batches of RGB in [-1, 1] [B, 3, 128, 128] and others to compare them with.
    taps: which maps, and how many channels of each may have a weight; the strongest are chosen.
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
    """Differences of channels [N, C] and LPIPS [N] of N pairs -> the weights.

    taps: how many channels each map has, and how many of them may have a weight.
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
    # A weight near 0 keeps the number of channels, which processors like in eights.
    weights[keep] = non_negative(x[:, keep], y).clamp_min(1e-6)
    for own, part in zip(perception.weights, weights.split(sizes), strict=True):
        own.data = part.float()
    return perception


def non_negative(x: Tensor, y: Tensor, ridge: float = 0.3, rounds: int = 200) -> Tensor:
    """The w >= 0 that minimises |x w - y|^2, drawn towards equal parts of y for all channels.

    Without that few channels would do, and a face that is moved down their gradient would please
    these alone. By coordinate descent.
    """
    mean = x.mean(0).clamp_min(1e-12)
    z, equal = x / mean, y.mean() / x.shape[1]
    power = z.T @ z
    pull = ridge * power.diag().mean()
    power += pull * torch.eye(len(power), dtype=x.dtype)
    v = torch.full_like(mean, equal.item())
    slope = power @ v - z.T @ y - pull * equal
    for _ in range(rounds):
        for i in range(len(v)):
            new = (v[i] - slope[i] / power[i, i]).clamp_min(0)
            slope += power[i] * (new - v[i])
            v[i] = new
    return v / mean


def _differences(a: Tensor, b: Tensor) -> Tensor:
    """Two maps [B, C, H, W] -> mean squared difference of every channel of the units, [B, C]."""
    return (unit_vectors(a) - unit_vectors(b)).square().mean((2, 3))
