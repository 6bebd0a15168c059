"""The closed-form part of the model: components, a recogniser's metric, codebooks.

1. Components z of the training faces and their mirror images, principal axes in the metric of
   stc.lab.training.subspace, after the borders that no camera saw were filled by ridge regression.
2. For every level the metric M = E[J^T J], J = derivative of a recogniser's unit embedding by z,
   taken on the way from the face to what the levels before have of it. A level with weight w
   measures error by I + w M, so that identity costs more than a hat.
3. Level by level: principal axes of what is left over in that metric, bits dealt to them by
   reverse water-filling, and k-means for every token on its own axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from stc.codec.torch.canvas import to_rgb
from stc.codec.torch.tokenizer import Level, LevelTokenizer
from stc.gallery.progress import hidden
from stc.lab.training.borders import filled_planes
from stc.lab.training.clustering import kmeans, nearest
from stc.lab.training.data import Repeat
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
    """Tokens in the level and the weight of identity against pixels in its metric."""

    tokens: int
    identity: float
    sampled: bool = True  # sample the metric on what is left over, or keep the one before


@dataclass(frozen=True)
class FitPlan:
    """What `fit` builds."""

    levels: tuple[LevelPlan, ...]
    components: int = 1536
    identity: float = 1.0  # against pixels, in the choice of the components
    identity_faces: int = 8192  # on which that choice is made
    codewords: int = 256
    metric_faces: int = 2560
    fill: float = 0.92  # share of a level's bits that water-filling hands out
    filled: float = 2.0  # how often a face counts that fills the canvas as photographs do,
    repeat: tuple[Repeat, ...] = ()  # times this, by its tar file
    held_out: int = 200  # every 200th face is not fitted to


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


def transform(
    rest: Tensor, weight: Tensor, metric: Tensor, identity: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Principal axes of rest [N, Z], faces weighted [N], in the metric I + identity * metric.

    -> analysis [Z, Z], synthesis [Z, Z] and the variance along every axis [Z].
    """
    share = (weight / weight.sum())[:, None]
    root, unroot = roots(torch.eye(rest.shape[1]) + identity * metric)
    variance, axes = torch.linalg.eigh(root @ (rest.T @ (rest * share)) @ root)
    return root @ axes, axes.T @ unroot, variance


def fit_level(
    rest: Tensor,
    weight: Tensor,
    metric: Tensor,
    plan: LevelPlan,
    codewords: int,
    fill: float,
) -> Level:
    """Fit one level to the components [N, Z] that the levels before it left over.

    weight [N] counts the faces; metric [Z, Z] is identity's.
    """
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
    rest, metric = original.float(), torch.zeros(0)
    share = weight / weight.sum()
    spread = torch.zeros(rest.shape[1], rest.shape[1])
    for part, own in zip(rest.split(8192), share.split(8192), strict=True):
        spread += (part.T * own) @ part
    power = float(spread.trace())
    for level_plan in plan.levels:
        if level_plan.sampled or not len(metric):
            sampled = identity_metric(original, rest, share, tokenizer, recogniser, plan)
            (metric,) = balanced([sampled], [spread])
        level = fit_level(rest, weight, metric, level_plan, plan.codewords, plan.fill)
        none = torch.zeros(len(rest), dtype=torch.long)
        for part, group in zip(rest.split(4096), none.split(4096), strict=True):
            part -= level.decode(level.encode(part, group), group)
        tokenizer.levels.append(level)
        left = (rest.square() * share[:, None]).sum().item()
        print(
            f"level of {level_plan.tokens} tokens, {level.dimensions} dimensions, "
            f"left over {left / power:.2%} of the power",
            flush=True,
        )


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
    coarse, _ = principal_axes(spread, COARSE)
    gradients = identity_gradients(
        planes, tokenizer.mean, share, coarse, recogniser, plan.identity_faces
    )
    found = identity_axes(spread, gradients, plan.identity, plan.components)
    basis, analysis = decorrelated(*found, spread)
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
    planes, filled = filled_planes(faces)
    weight = torch.where(filled, plan.filled, 1.0) * torch.from_numpy(repeats)
    weight[:: plan.held_out] = 0
    tokenizer = LevelTokenizer(plan.components, 1, [])
    choose_components(tokenizer, planes, weight, recogniser, plan)
    components = project(planes, tokenizer)
    del planes
    flat = components.reshape(2 * len(faces), -1)
    fit_levels(flat, tokenizer, weight.repeat(2), recogniser, plan)
    return tokenizer, components
