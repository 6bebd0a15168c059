"""Which components of a face are kept: principal axes in the metric of a recogniser.

The axes along which pixels vary most are not those by which people are told apart. With
W = I + w M, M = E[J^T J] and J the derivative of a recogniser's unit embedding by the planes, the
principal axes of W^(1/2) y lose least of both (y: planes less their mean, weighted). A face is
projected on what they span in the metric W, not in that of pixels: what the span cannot hold is
made up for by what it can.

Faces are as good mirrored, so the axes are even or odd under the mirror: two problems of half the
size, an eighth of the work each.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from stc.codec.planes import CHROMA, LUMA, PLANES
from stc.codec.torch.canvas import plane_weight, to_rgb
from stc.gallery.progress import hidden
from stc.lab.training.networks import Recogniser

# Position of every plane sample in the mirror image.
MIRROR = torch.cat(
    [
        torch.arange(LUMA * LUMA).view(LUMA, LUMA).flip(1).flatten(),
        LUMA * LUMA + torch.arange(2 * CHROMA * CHROMA).view(2, CHROMA, CHROMA).flip(2).flatten(),
    ]
)
_LEFT = torch.arange(PLANES)[torch.arange(PLANES) < MIRROR]
_HALF = 0.5**0.5
COARSE = 300  # components of the coarse face, at the other end of the way that M is taken on


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """[..., 6144] -> its coordinates on even and on odd unit vectors, [..., 3072] each."""
    left, right = x[..., _LEFT], x[..., MIRROR[_LEFT]]
    return (left + right) * _HALF, (left - right) * _HALF


def unhalve(x: Tensor, sign: int) -> Tensor:
    """Even (sign 1) or odd (-1) coordinates [..., 3072] -> [..., 6144]."""
    full = x.new_zeros(*x.shape[:-1], PLANES)
    full[..., _LEFT], full[..., MIRROR[_LEFT]] = x * _HALF, sign * x * _HALF
    return full


def mirrored_mean(planes: Tensor, share: Tensor) -> Tensor:
    """Mean [6144] of planes [N, 6144] and their mirrors; share [N] sums to one."""
    parts = zip(planes.split(2048), share.split(2048), strict=True)
    mean = sum((own @ part.float() for part, own in parts), torch.zeros(PLANES))
    return (mean + mean[MIRROR]) / 2


def covariances(planes: Tensor, mean: Tensor, share: Tensor) -> list[Tensor]:
    """Even and odd covariance, [3072, 3072] each, of weighted planes [N, 6144]."""
    found = [torch.zeros(PLANES // 2, PLANES // 2) for _ in range(2)]
    for part, own in zip(planes.split(2048), share.split(2048), strict=True):
        rows = (part.float() - mean) * plane_weight() * own.sqrt()[:, None]
        for total, x in zip(found, halves(rows), strict=True):
            total.addmm_(x.T, x)
    return found


def principal_axes(covariance: list[Tensor], rank: int) -> tuple[Tensor, Tensor]:
    """The strongest axes of even and odd covariance together -> [6144, rank], power [rank]."""
    power, axes = zip(*(torch.linalg.eigh(own) for own in covariance), strict=True)
    best = torch.cat(power).argsort(descending=True)[:rank]
    return _whole(axes, best), torch.cat(power)[best]


def _whole(axes: Sequence[Tensor], picked: Tensor) -> Tensor:
    """Picked columns [rank] of even and odd axes [3072, 3072] -> [6144, rank]."""
    rows = torch.cat([unhalve(own.T, sign) for own, sign in zip(axes, (1, -1), strict=True)])
    return rows[picked].T.contiguous()


def identity_gradients(
    planes: Tensor,
    mean: Tensor,
    share: Tensor,
    coarse: Tensor,
    recogniser: Recogniser,
    faces: int,
) -> Tensor:
    """Samples of J^T times noise, [faces, 6144], by weighted planes.

    Taken at random places between a face and what the axes `coarse` [6144, C] hold of it: a
    difference of embeddings is the mean of J on the way times the difference of the faces.
    """
    weight, found = plane_weight(), []
    picked = torch.multinomial(share, faces, replacement=True)
    for rows in tqdm(picked.split(32), desc="identity", disable=hidden()):
        y = (planes[rows].float() - mean) * weight
        lost = y - (y @ coarse) @ coarse.T
        place = (y - torch.rand(len(rows), 1) * lost).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            embedding = recogniser(to_rgb(place / weight + mean) * 2 - 1)
        noise = torch.randn_like(embedding)
        found.append(torch.autograd.grad((embedding * noise).sum(), place)[0])
    return torch.cat(found)


def balanced(metrics: list[Tensor], covariance: list[Tensor]) -> list[Tensor]:
    """The metrics scaled so that faces vary as much in them as they do in pixels."""
    pairs = list(zip(metrics, covariance, strict=True))
    own = sum(float((metric * spread).sum()) for metric, spread in pairs)
    pixels = sum(float(spread.trace()) for spread in covariance)
    return [metric * (pixels / own) for metric in metrics]


def roots(metric: Tensor) -> tuple[Tensor, Tensor]:
    """A positive metric [Z, Z] -> its square root and the inverse of that."""
    values, vectors = torch.linalg.eigh(metric)
    return vectors * values.sqrt() @ vectors.T, vectors * values.rsqrt() @ vectors.T


def identity_axes(
    covariance: list[Tensor], gradients: Tensor, identity: float, rank: int
) -> tuple[Tensor, Tensor]:
    """The `rank` axes that lose least in I + identity * M -> basis and analysis, [6144, rank].

    The basis is orthonormal; a face is coefficients = analysis^T y and comes back as
    basis @ coefficients.
    """
    metrics = balanced([g.T @ g for g in halves(gradients)], covariance)
    power, read, drawn = [], [], []
    for metric, spread in zip(metrics, covariance, strict=True):
        root, unroot = roots(torch.eye(len(metric)) + identity * metric)
        values, axes = torch.linalg.eigh(root @ spread @ root)
        power.append(values)
        read.append(root @ axes)
        drawn.append(unroot @ axes)
    best = torch.cat(power).argsort(descending=True)[:rank]
    basis, mix = torch.linalg.qr(_whole(drawn, best))
    return basis, _whole(read, best) @ mix.T


def decorrelated(
    basis: Tensor, analysis: Tensor, covariance: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Turn the components among themselves to their principal axes, the strongest first."""
    spread = torch.zeros(basis.shape[1], basis.shape[1])
    for own, x in zip(covariance, halves(analysis.T), strict=True):
        spread += x @ own @ x.T
    turn = torch.linalg.eigh(spread)[1].flip(1)
    return basis @ turn, analysis @ turn
