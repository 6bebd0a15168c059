"""The closed-form part of the model: principal components, a recogniser's metric, codebooks.

1. Principal components z of the training faces and their mirror images, after the borders that
   no camera saw were filled by ridge regression on what it saw.
2. The metric M = E[J^T J], J = derivative of a recogniser's unit embedding by z. A level with
   weight w measures error by I + w M, so that identity costs more than a hat.
3. Level by level: principal axes of what is left in that metric, bits dealt to them by reverse
   water-filling, and k-means for every token on its own axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor
from tqdm import tqdm

from stc.codec.canvas import CHROMA, LUMA, PLANES, to_planes, to_rgb
from stc.codec.tokenizer import Level, LevelTokenizer, plane_weight
from stc.training.data import to_tensors
from stc.training.networks import Recogniser

# Position of every plane sample in the mirror image.
MIRROR = torch.cat(
    [
        torch.arange(LUMA * LUMA).view(LUMA, LUMA).flip(1).flatten(),
        LUMA * LUMA + torch.arange(2 * CHROMA * CHROMA).view(2, CHROMA, CHROMA).flip(2).flatten(),
    ]
)


@dataclass(frozen=True)
class LevelPlan:
    """Tokens in the level and the weight of identity against pixels in its metric.

    With weight 0 the level picks from all principal components and needs no transform of its own.
    """

    tokens: int
    identity: float


@dataclass(frozen=True)
class FitPlan:
    """What `fit` builds."""

    levels: tuple[LevelPlan, ...]
    components: int = 1536
    metric_components: int = 1024  # the first ones, which carry identity
    codewords: int = 256
    metric_faces: int = 4096
    fill: float = 0.92  # share of a level's bits that water-filling hands out


def visible_planes(faces: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """uint8 [N, 128, 128, 4] -> planes [N, 6144] and which samples were seen, bool [N, 6144]."""
    planes = torch.empty(len(faces), PLANES)
    seen = torch.empty(len(faces), PLANES, dtype=torch.bool)
    for start in tqdm(range(0, len(faces), 512), desc="planes"):
        rgb, mask = to_tensors(faces[start : start + 512])
        planes[start : start + 512] = to_planes(rgb)
        luma = F.avg_pool2d(mask, 128 // LUMA).flatten(1) > 0.999
        chroma = F.avg_pool2d(mask, 128 // CHROMA).flatten(1) > 0.999
        seen[start : start + 512] = torch.cat([luma, chroma, chroma], 1)
    return planes, seen


def symmetric_components(planes: Tensor, mean: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Principal components of planes [N, 6144] and their mirrors -> [6144, rank], power [rank]."""
    weight, covariance = plane_weight(), torch.zeros(PLANES, PLANES)
    for part in planes.split(4096):
        x = (part - mean) * weight
        covariance.addmm_(x.T, x)
    covariance = (covariance + covariance[MIRROR][:, MIRROR]) / (2 * len(planes))
    power, axes = torch.linalg.eigh(covariance)
    return axes.flip(1)[:, :rank].contiguous(), power.flip(0)[:rank].contiguous()


def fill_borders(planes: Tensor, seen: Tensor, rounds: int = 6, rank: int = 192) -> None:
    """Replace what no camera saw by the low-rank guess of the whole faces; in place."""
    whole = seen.float().mean(1) > 0.97
    mean = planes[whole].mean(0)
    mean = (mean + mean[MIRROR]) / 2
    basis, power = symmetric_components(planes[whole], mean, rank)
    weight, shrink = plane_weight(), power / (power + 0.02)
    for _ in tqdm(range(rounds), desc="filling borders"):
        for part, visible in zip(planes.split(2048), seen.split(2048), strict=True):
            guess = (((part - mean) * weight) @ basis * shrink) @ basis.T / weight + mean
            part.copy_(torch.where(visible, part, guess))


def identity_metric(
    z: Tensor, tokenizer: LevelTokenizer, recogniser: Recogniser, plan: FitPlan
) -> Tensor:
    """E[J^T J] of the unit embedding by the first components of z [N, Z], random cotangents."""
    faces, first = plan.metric_faces, slice(plan.metric_components)
    z = z[:, first]
    basis = tokenizer.basis[:, first]
    metric = torch.zeros(z.shape[1], z.shape[1])
    picked = torch.randperm(len(z))[:faces]
    for rows in tqdm(picked.split(32), desc="identity metric"):
        q = z[rows].clone().requires_grad_()
        planes = q @ basis.T / tokenizer.weight + tokenizer.mean
        embedding = recogniser(to_rgb(planes) * 2 - 1)
        (gradient,) = torch.autograd.grad((embedding * torch.randn_like(embedding)).sum(), q)
        metric += gradient.T @ gradient / faces
    # A mirrored face is as good a sample: half the noise for nothing.
    weight = tokenizer.weight[:, None]
    mirror = (basis * weight).T @ (basis / weight)[MIRROR]
    return (metric + mirror.T @ metric @ mirror) / 2


def allot(variance: Tensor, tokens: int, bits: float, fill: float) -> tuple[list[list[int]], float]:
    """Axes for every token so that each carries about `bits` bits, and the water level.

    Reverse water-filling finds the level theta at which the axes above it cost fill * bits *
    tokens bits; they are then dealt evenly: strong axes one a token, the rest to the lightest.
    """
    low, high = 1e-9, variance.max().item()
    theta = high
    for _ in range(60):
        theta = math.sqrt(low * high)
        spent = (0.5 * torch.log2(variance / theta)).clamp_min(0).sum().item()
        low, high = (theta, high) if spent > bits * tokens * fill else (low, theta)
    order = torch.argsort(variance, descending=True)
    order = order[variance[order] > theta]
    rates = (0.5 * torch.log2(variance[order] / theta)).tolist()
    most = max(8, -(-len(order) // tokens) + 8)
    share = sum(rates) / tokens
    axes: list[list[int]] = [[] for _ in range(tokens)]
    load = [0.0] * tokens
    for axis, rate in zip(order.tolist(), rates, strict=True):
        free = [t for t in range(tokens) if len(axes[t]) < most]
        weak = rate < share / 2
        token = min(free, key=lambda t: (load[t], t) if weak else (len(axes[t]), load[t]))
        axes[token].append(axis)
        load[token] += rate
    return axes, theta


def nearest(x: Tensor, codebook: Tensor) -> Tensor:
    return torch.cat(
        [
            torch.addmm(codebook.square().sum(1)[None], part, codebook.T, alpha=-2).argmin(1)
            for part in x.split(8192)
        ]
    )


def kmeans(x: Tensor, codewords: int, rounds: int = 10, polish: int = 3) -> Tensor:
    """k-means on half of x [N, D], polished on all of it -> [K, D], most used first."""
    codebook = x[torch.randperm(len(x))[:codewords]].clone()
    sample = x[torch.randperm(len(x))[: len(x) // 2]]
    count = torch.ones(codewords)
    for step in range(rounds + polish):
        points = sample if step < rounds else x
        owner = nearest(points, codebook)
        count = torch.bincount(owner, minlength=codewords).float()
        total = torch.zeros_like(codebook).index_add_(0, owner, points)
        spare = points[torch.randint(len(points), (codewords,))]
        codebook = torch.where(count[:, None] > 0, total / count[:, None].clamp_min(1), spare)
    return codebook[torch.argsort(count, descending=True, stable=True)]


def transform(rest: Tensor, metric: Tensor, identity: float) -> tuple[Tensor, Tensor, Tensor]:
    """Principal axes of rest [N, Z] in the metric I + identity * metric.

    -> analysis [Z, Z], synthesis [Z, Z] and the variance along every axis [Z].
    """
    if identity == 0:
        axes = torch.eye(rest.shape[1])
        return axes, axes, rest.square().mean(0)
    values, vectors = torch.linalg.eigh(torch.eye(rest.shape[1]) + identity * metric)
    root = vectors * values.sqrt() @ vectors.T
    unroot = vectors * values.rsqrt() @ vectors.T
    variance, axes = torch.linalg.eigh(root @ (rest.T @ rest / len(rest)) @ root)
    return root @ axes, axes.T @ unroot, variance


def fit_level(rest: Tensor, metric: Tensor, plan: LevelPlan, codewords: int, fill: float) -> Level:
    """Fit one level to the components [N, Z] that the levels before it left over."""
    if plan.identity > 0:
        rest = rest[:, : len(metric)]
    forward, inverse, variance = transform(rest, metric, plan.identity)
    dealt, theta = allot(variance.clamp_min(1e-12), plan.tokens, math.log2(codewords), fill)
    # A face may stop inside the level: the tokens that remove most error come first.
    gain = [variance[t].sum().item() - theta * len(t) for t in dealt]
    dealt = [dealt[i] for i in sorted(range(len(dealt)), key=lambda i: -gain[i])]
    level = Level(rest.shape[1], 1, plan.tokens, codewords, max(len(t) for t in dealt))
    for token, own in enumerate(tqdm(dealt, desc=f"level of {plan.tokens}", leave=False)):
        at, size = token * level.dimensions, len(own)
        level.analysis[:, at : at + size] = forward[:, own]
        level.synthesis[at : at + size] = inverse[own]
        points = rest @ forward[:, own]
        codebook = kmeans(points, codewords)
        level.codebooks.weight[0, token, :, :size] = codebook
        use = torch.bincount(nearest(points, codebook), minlength=codewords).float() + 0.5
        level.bits[0, token] = -torch.log2(use / use.sum())
    level.price.fill_(2 * math.log(2) * theta)  # slope of the Gaussian rate-distortion curve
    return level


def fit(
    faces: npt.NDArray[np.uint8], recogniser: Recogniser, plan: FitPlan
) -> tuple[LevelTokenizer, npt.NDArray[np.float16]]:
    """Fit a tokeniser to uint8 faces [N, 128, 128, 4].

    Also returns the components [2, N, Z] of the faces and of their mirror images, borders filled.
    """
    planes, seen = visible_planes(faces)
    fill_borders(planes, seen)
    del seen
    mean = planes.mean(0)
    tokenizer = LevelTokenizer(plan.components, 1, [])
    tokenizer.mean.copy_((mean + mean[MIRROR]) / 2)
    tokenizer.basis.copy_(symmetric_components(planes, tokenizer.mean, plan.components)[0])
    rest = torch.cat(
        [
            ((part - tokenizer.mean) * tokenizer.weight) @ tokenizer.basis
            for view in (planes, planes[:, MIRROR])
            for part in view.split(4096)
        ]
    )
    del planes
    components = rest.half().numpy().reshape(2, len(faces), -1)
    power = rest.square().sum(1).mean().item()
    metric = identity_metric(rest, tokenizer, recogniser, plan)
    print(f"power {power:.2f}, trace of the metric {metric.trace().item():.3f}", flush=True)
    for level_plan in plan.levels:
        level = fit_level(rest, metric, level_plan, plan.codewords, plan.fill)
        none = torch.zeros(len(rest), dtype=torch.long)
        for part, group in zip(rest.split(4096), none.split(4096), strict=True):
            part[:, : level.components] -= level.decode(level.encode(part, group), group)
        tokenizer.levels.append(level)
        left = rest.square().sum(1).mean().item()
        print(
            f"level of {level_plan.tokens} tokens, {level.dimensions} dimensions, "
            f"left over {left / power:.2%} of the power",
            flush=True,
        )
    return tokenizer, components
