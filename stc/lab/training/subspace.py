"""Principal axes of planes, and further axes that recognition models depend on.

Mirror images of faces are also faces, so all axes are even or odd under mirroring. The eigenvalue
problem splits into two of half the size, each with an eighth of the work.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from stc.codec.planes import CHROMA, LUMA, PLANES
from stc.codec.torch.canvas import plane_weight

# Position of every plane sample in the mirror image.
MIRROR = torch.cat(
    [
        torch.arange(LUMA * LUMA).view(LUMA, LUMA).flip(1).flatten(),
        LUMA * LUMA + torch.arange(2 * CHROMA * CHROMA).view(2, CHROMA, CHROMA).flip(2).flatten(),
    ]
)
_LEFT = torch.arange(PLANES)[torch.arange(PLANES) < MIRROR]
_HALF = 0.5**0.5


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """The coordinates of x [..., 6144] on even and on odd unit vectors, [..., 3072] each."""
    left, right = x[..., _LEFT], x[..., MIRROR[_LEFT]]
    return (left + right) * _HALF, (left - right) * _HALF


def unhalve(x: Tensor, sign: int) -> Tensor:
    """Planes [..., 6144] from their even (sign 1) or odd (sign -1) coordinates [..., 3072]."""
    full = x.new_zeros(*x.shape[:-1], PLANES)
    full[..., _LEFT], full[..., MIRROR[_LEFT]] = x * _HALF, sign * x * _HALF
    return full


def mirrored_mean(planes: Tensor, share: Tensor) -> Tensor:
    """The mean [6144] of planes [N, 6144] and their mirror images; weights share [N] sum to 1."""
    parts = zip(planes.split(2048), share.split(2048), strict=True)
    mean = sum((own @ part.float() for part, own in parts), torch.zeros(PLANES))
    return (mean + mean[MIRROR]) / 2


def covariances(planes: Tensor, mean: Tensor, share: Tensor) -> list[Tensor]:
    """The even and odd covariance, [3072, 3072] each, of planes [N, 6144] with mean [6144].

    share [N]: the weights of the planes, which sum to 1. Plane samples are scaled by
    `plane_weight`.
    """
    found = [torch.zeros(PLANES // 2, PLANES // 2) for _ in range(2)]
    for part, own in zip(planes.split(2048), share.split(2048), strict=True):
        rows = (part.float() - mean) * plane_weight() * own.sqrt()[:, None]
        for total, x in zip(found, halves(rows), strict=True):
            total.addmm_(x.T, x)
    return found


def principal_axes(covariance: list[Tensor], rank: int) -> tuple[Tensor, Tensor]:
    """The `rank` axes of most variance among the even and odd ones: [6144, rank], and variances."""
    power, axes = zip(*(torch.linalg.eigh(own) for own in covariance), strict=True)
    best = torch.cat(power).argsort(descending=True)[:rank]
    return _whole(axes, best), torch.cat(power)[best]


def identity_axes(
    covariance: list[Tensor], axes: Tensor, gradients: Tensor, number: int
) -> tuple[Tensor, Tensor]:
    """Axes outside the span of `axes` along which faces change embeddings most.

    axes [6144, K]: orthonormal principal axes. gradients [N, 6144]: of recognition models, in the
    coordinates of the covariance. The new axes span the parts of the gradients orthogonal to `axes`
    whose products with faces have most variance. Returns [6144, number], orthonormal, and the
    variances of faces along them [number].
    """
    found, rank = [], []
    for spread, part, own in zip(covariance, halves(gradients), halves(axes.T), strict=True):
        kept = own[own.square().sum(1) > 0.5].T  # axes of this parity: their length is 1, else 0
        left = part - (part @ kept) @ kept.T
        power, mix = torch.linalg.eigh((left @ spread @ left.T).double())
        mix = mix[:, -number:]
        found.append((left.T.double() @ mix, spread.double()))
        rank.append(power[-number:])
    enough = torch.cat(rank).sort(descending=True).values[number - 1]
    whole, strength = [], []
    for sign, (own, spread), power in zip((1, -1), found, rank, strict=True):
        basis = torch.linalg.qr(own[:, power >= enough]).Q
        variance, turn = torch.linalg.eigh(basis.T @ spread @ basis)
        whole.append(unhalve((basis @ turn).T.float(), sign))
        strength.append(variance.float())
    order = torch.cat(strength).argsort(descending=True)
    return torch.cat(whole)[order].T.contiguous(), torch.cat(strength)[order]


def _whole(axes: Sequence[Tensor], picked: Tensor) -> Tensor:
    """Selected columns [rank] of even and odd axes [3072, 3072] as planes [6144, rank]."""
    rows = torch.cat([unhalve(own.T, sign) for own, sign in zip(axes, (1, -1), strict=True)])
    return rows[picked].T.contiguous()
