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
from stc.lab.training.packing import low_rank
from stc.lab.training.precision import mixed
from stc.lab.training.subspace import MIRROR, halves

# RGB in [-1, 1] [B, 3, 128, 128] -> unit vectors [B, E], differentiable.
Embed = Callable[[Tensor], Tensor]

_BATCH = 32
_WAY = 0.8  # of the way back to the old end, at most: a level will not stay there


def identity_factor(
    z: Tensor,
    rest: Tensor,
    share: Tensor,
    tokenizer: LevelTokenizer,
    recognisers: Sequence[Embed],
    *,
    faces: int,
    rank: int,
) -> Tensor:
    """F [Z, rank] with F F^T near the mean metric of the recognisers.

    z: components [N, Z] of faces that count share [N], which adds up to one; rest [N, Z]: what is
    left over of them. Each recogniser looks at so many faces, and its metric is scaled so that
    faces vary as much in it as they do in pixels. Beyond some hundred axes the spectrum is the
    noise of the sample: a level that followed it would spend bits on nothing.
    """
    spread = covariance(z, share)
    mirror = parity(tokenizer)
    total = torch.zeros_like(spread)
    for recogniser in recognisers:
        metric = _sampled(z, rest, share, tokenizer, recogniser, faces)
        # A mirrored face is as good a sample: half the noise for nothing.
        metric = (metric + mirror[:, None] * metric * mirror) / 2
        total += metric * (spread.trace() / (metric * spread).sum())
    return low_rank(total / len(recognisers), rank)


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

    planes [N, 6144], weighted as in `subspace.covariances`, of faces that count share [N]; taken at
    random places between a face and what the axes coarse [6144, K] hold of it, as a level will find
    it. Each recogniser's are scaled so that faces of covariance `spread` vary as much along them.
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


def _sampled(
    z: Tensor,
    rest: Tensor,
    share: Tensor,
    tokenizer: LevelTokenizer,
    recogniser: Embed,
    faces: int,
) -> Tensor:
    """E[J^T J] [Z, Z] by random cotangents.

    The difference of two embeddings is the mean of J over the way between them times the
    difference of the faces: J is taken at random places between z and z - rest, the face so far.
    """
    metric = torch.zeros(z.shape[1], z.shape[1])
    picked = torch.multinomial(share, faces, replacement=True)
    for rows in tqdm(picked.split(_BATCH), desc="identity metric", disable=hidden()):
        way = _WAY * torch.rand(len(rows), 1)
        q = z[rows].float() - way * rest[rows]
        gradient = _gradient(recogniser, q, tokenizer.planes)
        metric += gradient.T @ gradient
    return metric


def _gradient(
    recogniser: Embed, x: Tensor, planes: Callable[[Tensor], Tensor] = lambda x: x
) -> Tensor:
    """That of a random cotangent of the embeddings by x [B, D], which `planes` makes faces of."""
    x.requires_grad_()
    with mixed():
        embedding = recogniser(to_rgb(planes(x)) * 2 - 1)
    (found,) = torch.autograd.grad((embedding * torch.randn_like(embedding)).sum(), x)
    return found
