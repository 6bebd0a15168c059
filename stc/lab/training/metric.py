"""The metric of identity: how much a small change of a face changes its embedding.

M = E[J^T J], where J is the derivative of a recognition model's unit embedding with respect to the
components of a face. A level with weight w measures error in the metric I + w M, so that errors
that change identity cost more than others, such as those of a hat. The mean of the metrics of
several models is less specific to one of them.
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
_WAY = 0.8  # share of the way to the coarse face, at most: decoded faces have more than that
_FLOOR = 0.01  # least variance of an axis, relative to the mean variance


def identity_gradients(
    planes: Tensor,
    mean: Tensor,
    share: Tensor,
    spread: Sequence[Tensor],
    coarse: Tensor,
    recognisers: Sequence[Embed],
    faces: int,
) -> Tensor:
    """Gradients [R * faces, 6144] of R recognition models with respect to planes.

    Each is the gradient of the embedding's product with a random normal vector. planes [N, 6144]:
    of faces with weights share [N]; the gradients have the coordinates of `subspace.covariances`,
    without mean and scaled. The difference of two embeddings is the difference of the faces times
    the mean of J on the line between them; therefore gradients are computed at random points
    between a face and its projection on the axes coarse [6144, K]. The gradients of each model are
    scaled so that faces of even and odd covariance `spread` have the same variance along them.
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
    """The mean metric M [Z, Z] of the recognition models with gradients [N, 6144].

    It is scaled so that the variance of faces of covariance `spread` [Z, Z] is the same in M as in
    pixels.
    """
    mirror = parity(tokenizer)
    seen = gradients @ tokenizer.basis
    metric = seen.T @ seen
    # Mirrored faces are equally good samples: adding them halves the noise at no cost.
    metric = (metric + mirror[:, None] * metric * mirror) / 2
    return metric * (spread.trace() / (metric * spread).sum())


def strongest(metric: Tensor, left: Tensor, rank: int) -> Tensor:
    """A factor F [Z, rank] with F F^T <= M [Z, Z]: the part of the metric that residuals need.

    left [Z, Z]: the covariance of the residual of the levels before. Of all factors of this rank, F
    keeps most of tr(M left). The strongest axes of M itself would be those along which embeddings
    are most sensitive, even if faces do not vary along them.
    """
    # The floor avoids divisions by variances close to 0.
    floor = _FLOOR * left.trace() / len(left)
    values, axes = torch.linalg.eigh(left.double() + floor * torch.eye(len(left)))
    root = axes * values.sqrt() @ axes.T
    power, turned = torch.linalg.eigh(root @ metric.double() @ root)
    factor: Tensor = (axes * values.rsqrt() @ axes.T) @ (turned * power.clamp_min(0).sqrt())
    return factor[:, -rank:].flip(1).float()


def covariance(z: Tensor, share: Tensor) -> Tensor:
    """The second moments [Z, Z] of components [N, Z] with weights share [N], without centring."""
    total = torch.zeros(z.shape[1], z.shape[1])
    for part, own in zip(z.split(8192), share.split(8192), strict=True):
        rows = part.float()
        total += (rows.T * own) @ rows
    return total


def parity(tokenizer: LevelTokenizer) -> Tensor:
    """The parity of every component [Z]: 1 if even, -1 if odd under mirroring."""
    return (tokenizer.basis * tokenizer.basis[MIRROR]).sum(0).sign()


def _gradient(recogniser: Embed, x: Tensor, planes: Callable[[Tensor], Tensor]) -> Tensor:
    """The gradient, at x [B, D], of the embeddings' products with random normal vectors.

    planes: maps x to the planes of faces.
    """
    x.requires_grad_()
    with mixed():
        embedding = recogniser(to_rgb(planes(x)) * 2 - 1)
    (found,) = torch.autograd.grad((embedding * torch.randn_like(embedding)).sum(), x)
    return found
