"""The closed-form part of the model: components, a recogniser's metric, codebooks.

1. Components z of the training faces and their mirror images, principal axes in the metric of
   stc.lab.training.subspace, after the borders that no camera saw were filled by ridge regression.
2. For every level the metric M = E[J^T J], J = derivative of a recogniser's unit embedding by z,
   taken on the way from the face to what the levels before have of it. A level with weight w
   measures error by I + w M, so that identity costs more than a hat.
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

from stc.codec.torch.canvas import CHROMA, LUMA, PLANES, to_planes, to_rgb
from stc.codec.torch.tokenizer import Level, LevelTokenizer, plane_weight
from stc.gallery.progress import hidden
from stc.lab.training.data import WHOLE, Often, to_tensors
from stc.lab.training.networks import Recogniser
from stc.lab.training.subspace import (
    COARSE,
    MIRROR,
    balanced,
    covariances,
    decorrelated,
    identity_axes,
    identity_gradients,
    mirrored_mean,
    principal_axes,
    roots,
)


@dataclass(frozen=True)
class LevelPlan:
    """Tokens in the level and the weight of identity against pixels in its metric.

    With weight 0 the level picks from all components and needs no transform of its own.
    """

    tokens: int
    identity: float
    sampled: bool = True  # sample the metric on what is left over, or keep the one before
    components: int = 1024  # with a metric it reads the first ones, without one all


@dataclass(frozen=True)
class FitPlan:
    """What `fit` builds."""

    levels: tuple[LevelPlan, ...]
    components: int = 1536
    identity: float = 0.0  # against pixels, in the choice of the components
    identity_faces: int = 8192  # on which that choice is made
    first_components: int = 1024  # which span what so many alone would, as the rest do not
    codewords: int = 256
    metric_faces: int = 4096
    fill: float = 0.92  # share of a level's bits that water-filling hands out
    whole: float = 3.0  # how often a face counts that fills the canvas as photographs do,
    often: tuple[Often, ...] = ()  # times this, by its tar file
    held_out: int = 200  # every 200th face is not fitted to


def visible_planes(faces: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """uint8 [N, 128, 128, 4] -> planes [N, 6144] and which samples were seen, bool [N, 6144]."""
    planes = torch.empty(len(faces), PLANES)
    seen = torch.empty(len(faces), PLANES, dtype=torch.bool)
    for start in tqdm(range(0, len(faces), 512), desc="planes", disable=hidden()):
        rgb, mask = to_tensors(faces[start : start + 512])
        planes[start : start + 512] = to_planes(rgb)
        luma = F.avg_pool2d(mask, 128 // LUMA).flatten(1) > 0.999
        chroma = F.avg_pool2d(mask, 128 // CHROMA).flatten(1) > 0.999
        seen[start : start + 512] = torch.cat([luma, chroma, chroma], 1)
    return planes, seen


def fill_borders(planes: Tensor, seen: Tensor, rounds: int = 6, rank: int = 192) -> None:
    """Replace what no camera saw by the low-rank guess of the whole faces; in place."""
    whole = seen.float().mean(1) > WHOLE
    share = whole.float() / whole.sum()
    mean = mirrored_mean(planes, share)
    basis, power = principal_axes(covariances(planes, mean, share), rank)
    weight, shrink = plane_weight(), power / (power + 0.02)
    for _ in tqdm(range(rounds), desc="filling borders", disable=hidden()):
        for part, visible in zip(planes.split(2048), seen.split(2048), strict=True):
            guess = (((part - mean) * weight) @ basis * shrink) @ basis.T / weight + mean
            part.copy_(torch.where(visible, part, guess))


def identity_metric(
    z: Tensor,
    rest: Tensor,
    share: Tensor,
    tokenizer: LevelTokenizer,
    recogniser: Recogniser,
    plan: FitPlan,
) -> Tensor:
    """E[J^T J] [Z, Z] of the unit embedding by the components of z [N, Z], random cotangents.

    The difference of two embeddings is the mean of J over the way between them times the
    difference of the faces: J is taken at random places between z and z - rest, the face so far.
    """
    metric = torch.zeros(z.shape[1], z.shape[1])
    picked = torch.multinomial(share, plan.metric_faces, replacement=True)
    for rows in tqdm(picked.split(32), desc="identity metric", disable=hidden()):
        way = 0.8 * torch.rand(len(rows), 1)  # this level will not stay at the old end
        q = (z[rows].float() - way * rest[rows]).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            embedding = recogniser(to_rgb(tokenizer.planes(q)) * 2 - 1)
        (gradient,) = torch.autograd.grad((embedding * torch.randn_like(embedding)).sum(), q)
        metric += gradient.T @ gradient
    # A mirrored face is as good a sample: half the noise for nothing.
    weight = tokenizer.weight[:, None]
    mirror = (tokenizer.basis * weight).T @ (tokenizer.basis / weight)[MIRROR]
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


def kmeans(x: Tensor, weight: Tensor, codewords: int, rounds: int = 10, polish: int = 3) -> Tensor:
    """k-means on half of x [N, D] with weight [N], polished on all -> [K, D], most used first."""
    codebook = x[torch.randperm(len(x))[:codewords]].clone()
    half = torch.randperm(len(x))[: len(x) // 2]
    count = torch.ones(codewords)
    for step in range(rounds + polish):
        points, mass = (x[half], weight[half]) if step < rounds else (x, weight)
        owner = nearest(points, codebook)
        count = torch.bincount(owner, mass, minlength=codewords)
        total = torch.zeros_like(codebook).index_add_(0, owner, points * mass[:, None])
        spare = points[torch.randint(len(points), (codewords,))]
        codebook = torch.where(count[:, None] > 0, total / count[:, None].clamp_min(1e-6), spare)
    return codebook[torch.argsort(count, descending=True, stable=True)]


def transform(
    rest: Tensor, weight: Tensor, metric: Tensor | None, identity: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Principal axes of rest [N, Z], faces weighted [N], in the metric I + identity * metric.

    -> analysis [Z, Z], synthesis [Z, Z] and the variance along every axis [Z].
    """
    share = (weight / weight.sum())[:, None]
    if metric is None:
        axes = torch.eye(rest.shape[1])
        return axes, axes, (rest.square() * share).sum(0)
    root, unroot = roots(torch.eye(rest.shape[1]) + identity * metric)
    variance, axes = torch.linalg.eigh(root @ (rest.T @ (rest * share)) @ root)
    return root @ axes, axes.T @ unroot, variance


def fit_level(
    rest: Tensor,
    weight: Tensor,
    metric: Tensor | None,
    plan: LevelPlan,
    codewords: int,
    fill: float,
) -> Level:
    """Fit one level to the components [N, Z] that the levels before it left over.

    weight [N] counts the faces; without a metric the level measures plain squared error.
    """
    if metric is not None:
        rest = rest[:, : len(metric)]
    forward, inverse, variance = transform(rest, weight, metric, plan.identity)
    dealt, theta = allot(variance.clamp_min(1e-12), plan.tokens, math.log2(codewords), fill)
    # A face may stop inside the level: the tokens that remove most error come first.
    gain = [variance[t].sum().item() - theta * len(t) for t in dealt]
    dealt = [dealt[i] for i in sorted(range(len(dealt)), key=lambda i: -gain[i])]
    level = Level(rest.shape[1], 1, plan.tokens, codewords, max(len(t) for t in dealt))
    bar = tqdm(dealt, desc=f"level of {plan.tokens}", leave=False, disable=hidden())
    for token, own in enumerate(bar):
        at, size = token * level.dimensions, len(own)
        level.analysis[:, at : at + size] = forward[:, own]
        level.synthesis[at : at + size] = inverse[own]
        points = rest @ forward[:, own]
        codebook = kmeans(points, weight, codewords)
        level.codebooks.weight[0, token, :, :size] = codebook
        use = torch.bincount(nearest(points, codebook), weight, minlength=codewords) + 0.5
        level.bits[0, token] = -torch.log2(use / use.sum())
    level.price.fill_(2 * math.log(2) * theta)  # slope of the Gaussian rate-distortion curve
    return level


def fit_levels(
    z: npt.NDArray[np.float16],
    tokenizer: LevelTokenizer,
    weight: Tensor,
    recogniser: Recogniser,
    plan: FitPlan,
) -> None:
    """Append the levels of the plan to a tokeniser, fitted to z [N, Z], faces weighted [N]."""
    original = torch.from_numpy(z)
    rest, metric = original.float(), None
    share = weight / weight.sum()
    spread = sum(
        (part.T * own) @ part for part, own in zip(rest.split(8192), share.split(8192), strict=True)
    )
    power = float(spread.trace())
    for level_plan in plan.levels:
        own = None
        if level_plan.identity > 0:
            if metric is None or level_plan.sampled:
                metric = identity_metric(original, rest, share, tokenizer, recogniser, plan)
            read = slice(level_plan.components)
            (own,) = balanced([metric[read, read]], [spread[read, read]])
        level = fit_level(rest, weight, own, level_plan, plan.codewords, plan.fill)
        none = torch.zeros(len(rest), dtype=torch.long)
        for part, group in zip(rest.split(4096), none.split(4096), strict=True):
            part[:, : level.components] -= level.decode(level.encode(part, group), group)
        tokenizer.levels.append(level)
        left = (rest.square() * share[:, None]).sum().item()
        print(
            f"level of {level_plan.tokens} tokens, {level.dimensions} dimensions, "
            f"left over {left / power:.2%} of the power",
            flush=True,
        )


def fill(faces: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Planes [N, 6144] of faces [N, 128, 128, 4], borders filled, and which were whole [N]."""
    planes, seen = visible_planes(faces)
    complete = seen.float().mean(1) > WHOLE
    fill_borders(planes, seen)
    return planes, complete


def project(planes: Tensor, tokenizer: LevelTokenizer) -> npt.NDArray[np.float16]:
    """Components [2, N, Z] of planes [N, 6144] and of their mirror images."""
    views = [
        tokenizer.components(part.float()).half().numpy()
        for view in (planes, planes[:, MIRROR])
        for part in view.split(4096)
    ]
    return np.concatenate(views).reshape(2, len(planes), -1)


def choose_components(
    tokenizer: LevelTokenizer,
    planes: Tensor,
    weight: Tensor,
    recogniser: Recogniser,
    plan: FitPlan,
) -> None:
    """Fill in the tokeniser's mean, basis and analysis from planes [N, 6144], weighted [N]."""
    share = weight / weight.sum()
    tokenizer.mean.copy_(mirrored_mean(planes, share))
    spread = covariances(planes, tokenizer.mean, share)
    axes, _ = principal_axes(spread, plan.components)
    if plan.identity == 0:
        tokenizer.basis.copy_(axes)
        tokenizer.analysis.copy_(axes)
        return
    gradients = identity_gradients(
        planes, tokenizer.mean, share, axes[:, :COARSE], recogniser, plan.identity_faces
    )
    found = identity_axes(spread, gradients, plan.identity, plan.components)
    basis, analysis = decorrelated(*found, spread, plan.first_components)
    tokenizer.basis.copy_(basis)
    tokenizer.analysis.copy_(analysis)


def fit(
    faces: npt.NDArray[np.uint8],
    repeats: npt.NDArray[np.int64],
    recogniser: Recogniser,
    plan: FitPlan,
) -> tuple[LevelTokenizer, npt.NDArray[np.float16]]:
    """Fit a tokeniser to uint8 faces [N, 128, 128, 4], each counted repeats [N] times.

    Also returns the components [2, N, Z] of the faces and of their mirror images, borders filled.
    """
    planes, complete = fill(faces)
    weight = torch.where(complete, plan.whole, 1.0) * torch.from_numpy(repeats)
    weight[:: plan.held_out] = 0
    tokenizer = LevelTokenizer(plan.components, 1, [])
    choose_components(tokenizer, planes, weight, recogniser, plan)
    components = project(planes, tokenizer)
    del planes
    flat = components.reshape(2 * len(faces), -1)
    fit_levels(flat, tokenizer, weight.repeat(2), recogniser, plan)
    return tokenizer, components
