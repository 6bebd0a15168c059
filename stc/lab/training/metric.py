"""What recognisers think of a small change of a face: the metric of identity.

M = E[J^T J], J the derivative of a recogniser's unit embedding by the components of a face. A
level with weight w measures error by I + w M, so that identity costs more than a hat. One
recogniser's metric has quirks of its own; the mean of several has what they agree on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from stc.codec.torch.canvas import plane_weight, to_rgb
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.gallery.progress import hidden
from stc.lab.training.precision import mixed
from stc.lab.training.subspace import MIRROR, halves

# RGB in [-1, 1] [B, 3, 128, 128] -> unit vectors [B, E], differentiable.
Embed = Callable[[Tensor], Tensor]

_BATCH = 32
_WAY = 0.8  # of the way to the coarse face, at most: a level will not stay there
_FLOOR = 0.01  # of the mean variance


def identity_gradients(
    planes: Tensor,
    mean: Tensor,
    share: Tensor,
    spread: Sequence[Tensor],
    coarse: Tensor,
    recognisers: Sequence[Embed],
    faces: int,
) -> Tensor:
    """What moves the recognisers: random cotangents' gradients [R * faces, 6144] by planes.

    planes [N, 6144] of faces that count share [N], less their mean and weighted as in
    `subspace.covariances`. The difference of two embeddings is the mean of J over the way between
    them times the difference of the faces: gradients are taken at random places between a face and
    what the axes coarse [6144, K] hold of it. Each recogniser's are scaled so that faces of even
    and odd covariance `spread` vary equally along them.
    """
    found, weight = [], plane_weight()
    for recogniser in recognisers:
        rows = []
        picked = torch.multinomial(share, faces, replacement=True)
        for part in tqdm(picked.split(_BATCH), desc="identity axes", disable=hidden()):
            y = (planes[part].float() - mean) * weight
            lost = y - (y @ coarse) @ coarse.T
            place = y - _WAY * torch.rand(len(part), 1) * lost
            rows.append(_gradient(recogniser, place, lambda x: x / weight + mean))
        own = torch.cat(rows)
        pairs = zip(halves(own), spread, strict=True)
        varies = sum(float(((part @ both) * part).sum()) for part, both in pairs)
        found.append(own / varies**0.5)
    return torch.cat(found)


def identity_metric(gradients: Tensor, tokenizer: LevelTokenizer, spread: Tensor) -> Tensor:
    """M [Z, Z], the mean metric of the recognisers whose gradients [N, 6144] are given.

    Scaled so that faces of covariance `spread` [Z, Z] vary as much in it as they do in pixels. The
    gradients reach components through the basis alone, which is orthonormal.
    """
    mirror = parity(tokenizer)
    seen = gradients @ tokenizer.basis
    metric = seen.T @ seen
    # A mirrored face is as good a sample: half the noise for nothing.
    metric = (metric + mirror[:, None] * metric * mirror) / 2
    return metric * (spread.trace() / (metric * spread).sum())


def strongest(metric: Tensor, left: Tensor, rank: int) -> Tensor:
    """F [Z, rank] with F F^T <= M [Z, Z]: the part of the metric that counts for what is left over.

    left [Z, Z]: the covariance of what the levels before left over. Of all factors of that rank it
    keeps most of tr(M left). The strongest axes of M itself would be those along which a recogniser
    is most easily moved, whether faces move there or not.
    """
    # Axes along which next to nothing is left would be divided by next to nothing.
    floor = _FLOOR * left.trace() / len(left)
    values, axes = torch.linalg.eigh(left.double() + floor * torch.eye(len(left)))
    root = axes * values.sqrt() @ axes.T
    power, turned = torch.linalg.eigh(root @ metric.double() @ root)
    factor: Tensor = (axes * values.rsqrt() @ axes.T) @ (turned * power.clamp_min(0).sqrt())
    return factor[:, -rank:].flip(1).float()


def covariance(z: Tensor, share: Tensor) -> Tensor:
    """Of components [N, Z] whose faces count share [N], about zero: [Z, Z]."""
    total = torch.zeros(z.shape[1], z.shape[1])
    for part, own in zip(z.split(8192), share.split(8192), strict=True):
        rows = part.float()
        total += (rows.T * own) @ rows
    return total


def parity(tokenizer: LevelTokenizer) -> Tensor:
    """1 or -1 for every component [Z]: even or odd under the mirror."""
    return (tokenizer.basis * tokenizer.basis[MIRROR]).sum(0).sign()


def _gradient(recogniser: Embed, x: Tensor, planes: Callable[[Tensor], Tensor]) -> Tensor:
    """That of a random cotangent of the embeddings by x [B, D], which `planes` makes faces of."""
    x.requires_grad_()
    with mixed():
        embedding = recogniser(to_rgb(planes(x)) * 2 - 1)
    (found,) = torch.autograd.grad((embedding * torch.randn_like(embedding)).sum(), x)
    return found
